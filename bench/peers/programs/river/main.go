// River. Its settings are flags of `work`; the verbs are told in programs/__init__.py.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

const (
	batch       = 1000
	connections = 64
)

// Args of a job: the port of the sink (0: tell nobody) and the id that it is told.
type Args struct {
	Port int    `json:"port"`
	Job  string `json:"job"`
}

// Kind is what River knows the job by.
func (Args) Kind() string { return "begin" }

// Worker runs a job: it tells the sink that it began, and that is all.
type Worker struct {
	river.WorkerDefaults[Args]
	lock sync.Mutex
	sink net.Conn
}

// Work runs one.
func (w *Worker) Work(_ context.Context, job *river.Job[Args]) error {
	if job.Args.Port == 0 {
		return nil
	}
	line, _ := json.Marshal(map[string]any{"job": job.Args.Job, "attempt": 1})
	w.lock.Lock()
	defer w.lock.Unlock()
	if w.sink == nil {
		sink, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", job.Args.Port))
		if err != nil {
			return err
		}
		w.sink = sink
	}
	_, err := w.sink.Write(append(line, '\n'))
	return err
}

type asked struct {
	verb, way      string
	jobs, sink     int
	rate, ahead    float64
	workers        int
	cooldown, poll time.Duration
}

func main() {
	if err := run(context.Background(), parse()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func parse() asked {
	a := asked{verb: os.Args[1]}
	flags := flag.NewFlagSet(a.verb, flag.ExitOnError)
	flags.IntVar(&a.jobs, "jobs", 0, "")
	flags.StringVar(&a.way, "way", "batch", "")
	flags.Float64Var(&a.rate, "rate", 0, "")
	flags.Float64Var(&a.ahead, "ahead", 0, "")
	flags.IntVar(&a.sink, "sink", 0, "")
	flags.IntVar(&a.workers, "workers", 100, "")
	flags.DurationVar(&a.cooldown, "cooldown", river.FetchCooldownDefault, "")
	flags.DurationVar(&a.poll, "poll", river.FetchPollIntervalDefault, "")
	_ = flags.Parse(os.Args[2:])
	return a
}

func run(ctx context.Context, a asked) error {
	config, err := pgxpool.ParseConfig(os.Getenv("BENCH_DATABASE_URL"))
	if err != nil {
		return err
	}
	config.MaxConns = connections
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	driver := riverpgxv5.New(pool)
	if a.verb == "prepare" {
		migrator, err := rivermigrate.New(driver, nil)
		if err != nil {
			return err
		}
		_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	}
	quiet := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	settings := &river.Config{Logger: quiet}
	if a.verb == "work" {
		workers := river.NewWorkers()
		river.AddWorker(workers, &Worker{})
		settings.Workers = workers
		settings.FetchCooldown, settings.FetchPollInterval = a.cooldown, a.poll
		settings.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: a.workers}}
	}
	client, err := river.NewClient(driver, settings)
	if err != nil {
		return err
	}
	switch a.verb {
	case "work":
		if err := client.Start(ctx); err != nil {
			return err
		}
		stop, cancel := signal.NotifyContext(ctx, syscall.SIGTERM)
		defer cancel()
		<-stop.Done()
		return client.Stop(ctx)
	case "create":
		insert := inBatches(client.InsertManyFast)
		if a.way == "single" {
			insert = oneByOne(func(ctx context.Context) error {
				_, err := client.Insert(ctx, Args{}, nil)
				return err
			})
		}
		return timed(ctx, a.jobs, insert)
	default:
		return paced(a, func(job string, due time.Time) error {
			_, err := client.Insert(ctx, Args{a.sink, job}, &river.InsertOpts{ScheduledAt: due})
			return err
		})
	}
}

func inBatches(insert func(context.Context, []river.InsertManyParams) (int, error)) func(context.Context, int) error {
	return func(ctx context.Context, jobs int) error {
		for first := 0; first < jobs; first += batch {
			params := make([]river.InsertManyParams, min(batch, jobs-first))
			for n := range params {
				params[n].Args = Args{}
			}
			if _, err := insert(ctx, params); err != nil {
				return err
			}
		}
		return nil
	}
}

func oneByOne(insert func(context.Context) error) func(context.Context, int) error {
	return func(ctx context.Context, jobs int) error {
		var taken atomic.Int64
		var group sync.WaitGroup
		failed := make(chan error, connections)
		for range connections {
			group.Go(func() {
				for taken.Add(1) <= int64(jobs) {
					if err := insert(ctx); err != nil {
						failed <- err
						return
					}
				}
			})
		}
		group.Wait()
		close(failed)
		return <-failed
	}
}

func timed(ctx context.Context, jobs int, insert func(context.Context, int) error) error {
	began, used := now(), cpu()
	if err := insert(ctx, jobs); err != nil {
		return err
	}
	return say(map[string]any{"began": began, "ended": now(), "cpu": cpu() - used})
}

func paced(a asked, create func(string, time.Time) error) error {
	due := map[string]float64{}
	began := time.Now()
	for n := range a.jobs {
		time.Sleep(time.Until(began.Add(time.Duration(float64(n) / a.rate * 1e9))))
		job := uuid.NewString()
		moment := time.Now().Add(time.Duration(a.ahead * 1e9)).Round(time.Microsecond)
		if err := create(job, moment); err != nil {
			return err
		}
		due[job] = float64(moment.UnixMicro()) / 1e6
	}
	return say(map[string]any{"due": due})
}

func say(figures map[string]any) error { return json.NewEncoder(os.Stdout).Encode(figures) }

func now() float64 { return float64(time.Now().UnixMicro()) / 1e6 }

func cpu() float64 {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}
