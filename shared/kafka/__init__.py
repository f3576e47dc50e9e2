"""How our processes speak to Kafka: explicit settings, bounded awaits."""
