// db-scheduler. Its settings are arguments of `work`; the verbs are told in programs/__init__.py.

import com.github.kagkarlsson.scheduler.Scheduler;
import com.github.kagkarlsson.scheduler.SchedulerClient;
import com.github.kagkarlsson.scheduler.task.TaskInstance;
import com.github.kagkarlsson.scheduler.task.helper.OneTimeTask;
import com.github.kagkarlsson.scheduler.task.helper.Tasks;
import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.lang.management.ManagementFactory;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

public final class Main {
  private static final int BATCH = 500;
  private static final int CONNECTIONS = 64;

  /** As db-scheduler's documentation gives it. */
  private static final String TABLE =
      """
      CREATE TABLE scheduled_tasks (
        task_name text NOT NULL, task_instance text NOT NULL, task_data bytea,
        execution_time timestamptz NOT NULL, picked boolean NOT NULL, picked_by text,
        last_success timestamptz, last_failure timestamptz, consecutive_failures int,
        last_heartbeat timestamptz, version bigint NOT NULL, priority smallint,
        PRIMARY KEY (task_name, task_instance));
      CREATE INDEX execution_time_idx ON scheduled_tasks (execution_time);
      CREATE INDEX last_heartbeat_idx ON scheduled_tasks (last_heartbeat);
      CREATE INDEX priority_execution_time_idx ON scheduled_tasks (priority DESC, execution_time ASC);
      """;

  private static Socket sink;

  public static void main(String[] words) throws Exception {
    Map<String, String> asked = new HashMap<>();
    for (int n = 1; n + 1 < words.length; n += 2) {
      asked.put(words[n], words[n + 1]);
    }
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl("jdbc:" + System.getenv("BENCH_DATABASE_URL").replaceFirst("//[^@]*@", "//"));
    config.setUsername("punctual");
    config.setMaximumPoolSize(CONNECTIONS);
    config.setMinimumIdle(1);
    OneTimeTask<String> task =
        Tasks.oneTime("begin", String.class).execute((instance, context) -> begin(instance.getData()));
    try (HikariDataSource source = new HikariDataSource(config)) {
      SchedulerClient client = SchedulerClient.Builder.create(source, task).build();
      switch (words[0]) {
        case "prepare" -> {
          try (var connection = source.getConnection()) {
            connection.createStatement().execute(TABLE);
          }
        }
        case "work" -> work(source, task, asked);
        case "create" -> create(client, task, asked);
        default -> late(client, task, asked);
      }
    }
  }

  private static void work(HikariDataSource source, OneTimeTask<String> task, Map<String, String> asked)
      throws InterruptedException {
    var builder = Scheduler.create(source, task);
    if (asked.containsKey("--threads")) {
      builder.threads(Integer.parseInt(asked.get("--threads")));
      builder.pollUsingLockAndFetch(0.5, 1.0);
      builder.pollingInterval(Duration.ofMillis(Long.parseLong(asked.get("--poll-ms"))));
    }
    Scheduler scheduler = builder.build();
    Runtime.getRuntime().addShutdownHook(new Thread(scheduler::stop));
    scheduler.start();
    Thread.currentThread().join();
  }

  private static void create(SchedulerClient client, OneTimeTask<String> task, Map<String, String> asked)
      throws Exception {
    int jobs = Integer.parseInt(asked.get("--jobs"));
    double began = now();
    double used = cpu();
    if (asked.get("--way").equals("batch")) {
      for (int first = 0; first < jobs; first += BATCH) {
        List<TaskInstance<?>> batch = new ArrayList<>();
        for (int n = first; n < Math.min(jobs, first + BATCH); n++) {
          batch.add(instance(task, 0, UUID.randomUUID()));
        }
        client.scheduleBatch(batch, Instant.now());
      }
    } else {
      oneByOne(client, task, jobs);
    }
    System.out.printf("{\"began\": %.6f, \"ended\": %.6f, \"cpu\": %.6f}%n", began, now(), cpu() - used);
  }

  private static void oneByOne(SchedulerClient client, OneTimeTask<String> task, int jobs) throws Exception {
    AtomicInteger taken = new AtomicInteger();
    Callable<Void> one =
        () -> {
          while (taken.incrementAndGet() <= jobs) {
            client.scheduleIfNotExists(instance(task, 0, UUID.randomUUID()), Instant.now());
          }
          return null;
        };
    var pool = Executors.newFixedThreadPool(CONNECTIONS);
    for (Future<Void> done : pool.invokeAll(java.util.Collections.nCopies(CONNECTIONS, one))) {
      done.get();
    }
    pool.shutdown();
  }

  private static void late(SchedulerClient client, OneTimeTask<String> task, Map<String, String> asked)
      throws InterruptedException {
    int jobs = Integer.parseInt(asked.get("--jobs"));
    double rate = Double.parseDouble(asked.get("--rate"));
    long ahead = Math.round(Double.parseDouble(asked.get("--ahead")) * 1e6);
    int port = Integer.parseInt(asked.get("--sink"));
    List<String> due = new ArrayList<>();
    double began = now();
    for (int n = 0; n < jobs; n++) {
      Thread.sleep(Math.max(0, Math.round((began + n / rate - now()) * 1000)));
      UUID job = UUID.randomUUID();
      Instant moment = Instant.now().truncatedTo(ChronoUnit.MICROS).plus(ahead, ChronoUnit.MICROS);
      client.scheduleIfNotExists(instance(task, port, job), moment);
      due.add("\"%s\": %.6f".formatted(job, seconds(moment)));
    }
    System.out.println("{\"due\": {" + String.join(", ", due) + "}}");
  }

  private static TaskInstance<String> instance(OneTimeTask<String> task, int port, UUID job) {
    return task.instance(job.toString(), port + " " + job);
  }

  /** The whole of a job: tell the sink that it began, or nothing at all if the port is 0. */
  private static void begin(String data) {
    String[] parts = data.split(" ");
    int port = Integer.parseInt(parts[0]);
    if (port != 0) {
      tell(port, "{\"job\": \"%s\", \"attempt\": 1}%n".formatted(parts[1]));
    }
  }

  private static synchronized void tell(int port, String line) {
    try {
      if (sink == null) {
        sink = new Socket("127.0.0.1", port);
        sink.setTcpNoDelay(true);
      }
      sink.getOutputStream().write(line.getBytes(StandardCharsets.UTF_8));
    } catch (java.io.IOException problem) {
      throw new java.io.UncheckedIOException(problem);
    }
  }

  private static double now() {
    return seconds(Instant.now());
  }

  private static double seconds(Instant moment) {
    return moment.getEpochSecond() + moment.getNano() / 1e9;
  }

  private static double cpu() {
    var system = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    return system.getProcessCpuTime() / 1e9;
  }
}
