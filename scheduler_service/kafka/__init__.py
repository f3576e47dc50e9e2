"""The only folder of this service that knows aiokafka."""
