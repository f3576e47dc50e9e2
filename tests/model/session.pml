/* The protocol of docs/protocol.md as built, with one job; docs/model.md says what is in here and what is not.

   One verifier answers for every configuration and every mutant: the budgets and the mutants below are read from
   the environment when it starts (`SET`), so that it is compiled twice only, for safety and for liveness. run.py
   does that. By hand:
     spin -a session.pml && gcc -O2 -DSAFETY -DNOCLAIM -DCOLLAPSE -o pan pan.c && FAULTS=1 NO_R7=1 ./pan -m9999

   Who is here: job_service (every statement is one `sql_…`, executed atomically, as row locks do; the comment
   names it), two schedulers, two workers (each a main loop and a session thread), the reaper, the reconciler and
   the other duties, a client, an executor outside, the clock, the network, and the network.

   What goes wrong, all paid from one budget: a crash of a worker or scheduler, a session that lapses (a pause or
   a partition longer than the TTL; the process goes on and knows nothing), a request that is lost or comes at any
   later time, a reply that is lost, records that are lost or come again, a handler that is lost, a reconciler
   that is too early. For nothing: any order, any delay, any number of deliveries of what is not committed.

   Two canonical forms keep this small and leave nothing out:
   - attempts are relative to the job's own: NOW is the current one, NOW - 1 the one before, 1 any older, 0 none;
   - a process is always the node p + 1; what an earlier incarnation left behind is renamed to a ghost's id.      */

#define WORKERS_MOST 2
#define SCHEDULERS_MOST 2
#define FAULTS_MOST 2
#define NOW 3
#define OUTSIDE 8               /* holds what a client started by hand; no node, so never dead */

/* ============================================================ budgets and mutants, from the environment */
#define BUDGETS(X) \
  X(FAULTS, 1)                  /* what goes wrong, in all */ \
  X(WORKERS, 2) X(SCHEDULERS, 2) \
  X(RELEASES, 0)                /* how often a worker gives a job back: shutdown, no slot */ \
  X(LEAVES, 0)                  /* how often a worker ends in good order */ \
  X(DECLINES, 0)                /* how often a worker cannot take what a record names */ \
  X(RETRIES, 0)                 /* how often a client schedules by hand: a retry, or CREATED */ \
  X(CANCELS, 0) X(ABANDONS, 0) X(PAUSES, 0) X(OUTSIDES, 0) \
  X(MOVES, 0)                   /* how often a client reschedules, or takes back by hand */ \
  X(SNOOZES, 0) \
  X(DEADLINES, 0)               /* how often a slow handler meets its deadline; a lost one always does */ \
  X(EXPIRES, 0)                 /* whether the job has an expiresAt */ \
  X(MAX_ATTEMPTS, 1) X(SUSPECT_AFTER, 1) X(POISON_LOSSES, 1) \
  X(CHECK_WASTE, 1)             /* whether an attempt may not be wasted by a lost reply alone */ \
  X(CHECK_INVENTED, 1)          /* whether the deadline duty may end only what really ran too long */ \
  X(CHECK_ROWS, 1)              /* whether R6 is judged */ \
  X(LOSSLESS, 0)                /* the topic keeps what it is given */ \
  X(LOST_HANDLERS, 1)           /* whether a handler may be lost: it never ends, and nobody stops it */ \
  X(EARLY_RECONCILE, 0)         /* the reconciler may always be too early, for nothing */ \
  X(EVERY_COMPARISON, 0)        /* compare also where there is no difference */ \
  X(WITNESS, 0)                 /* 1…: this must be reachable, see `witness` */
#define MUTANTS(X) \
  X(NO_R1) X(NO_R2) X(NO_R3) X(NO_R4) X(R4_ONE_STATEMENT) X(R4_NO_LOCK) X(NO_RESCAN) X(NO_R6) X(NO_R7) \
  X(NO_R8) X(R8_OVERTAKEN_CLAIMS) X(NO_R16) X(NO_R20_REAP) X(NO_R20_RELEASE) X(NO_R20_END) X(NO_R28) \
  X(NO_REAPER) X(NO_RECONCILE) X(NO_EXPIRE) X(STALE_FINISH) X(STALE_FINISH_NODE) X(RELEASE_UNFENCED) \
  X(RELEASE_KEEPS_ATTEMPT) X(R2_STOP_AT_ONCE) X(R2_NO_MARK) X(NO_LOCAL_EXPIRY) X(NO_LOCAL_DEADLINE) \
  X(NO_LOCAL_DUE) X(MOVE_HELD) X(LEASE_REFUSES_ARMED) X(COMMIT_FIRST) X(START_AFTER_END) X(LEASE_TAKES_LEASED) \
  X(LEASE_ANY_ATTEMPT) X(PAUSE_FORGETS) X(DECLINE_REMEMBERED) X(ARM_LEASED)
#define DECLARE(x) hidden byte x;
#define DECLARE_BUDGET(x, usual) hidden byte x;
#define SET(x) x = from_environment(#x, 0);
#define SET_BUDGET(x, usual) x = from_environment(#x, usual);
BUDGETS(DECLARE_BUDGET)
MUTANTS(DECLARE)
c_decl {
  \#include <stdlib.h>
  static int from_environment(const char *name, int usual) { char *s = getenv(name); return s ? atoi(s) : usual; }
}

mtype:status = { CREATED, SCHEDULED, RUNNING, SUCCESS, CANCELLED, EXPIRED, ABANDONED, FAILED };
mtype:call   = { CLAIM, LEASE, DECLINE, START, END_OK, END_FAILED, END_SNOOZED, END_STOPPED, END_UNSTARTED, RELEASE };
mtype:reply  = { GRANTED_DUE, GRANTED_HELD, REFUSED, NODE_DEAD, DONE };
mtype:phase  = { IDLE, LEASING, DUE, HELD, RUN, LOST_HANDLER, REPORTING, GIVING_BACK };

/* ------------------------------------------------------------ the database */
mtype:status st = CREATED;
byte holder, claimer;           /* jobs.node (the lease) · inflight.scheduler while nobody leased it */
bool unacked;                   /* inflight.claim_seq is above what its scheduler has acknowledged (R8) */
bool again;                     /* next_attempt_at is set */
bool cancel_asked, begun;       /* cancel_requested · started_at is set */
byte failures, lost, suspect_losses, max_attempts;
bool in_due = 1, in_inflight, in_unsuccessful;             /* the narrow rows (R6) */
byte accepted;                  /* executions with an accepted end, a bit per attempt */
bool is_due, past_expiry;       /* ready_at, expires_at are in the past */
bool paused;                    /* job_types.paused_at is set */
byte dead, lapsed;              /* nodes, a bit per id: dead · past its session, not marked yet */
bool arming;                    /* a duty has seen a claim to arm again and not come back yet */
/* ------------------------------------------------------------ the topic, a bit per attempt: committing removes */
byte topic;
/* ------------------------------------------------------------ what processes remember */
mtype:phase ph[WORKERS_MOST];
byte cur[WORKERS_MOST];         /* the attempt it is about */
mtype:reply rep[WORKERS_MOST];  /* the reply on its way back; 0: the request is on its way */
mtype:call call[WORKERS_MOST];  /* what is asked for or reported, kept until answered */
bool known[WORKERS_MOST];       /* AttemptTable.remembers(NOW) */
byte giving[WORKERS_MOST];      /* unknown attempt that is to be released (R2) */
bool cmp[WORKERS_MOST]; byte cmp_db[WORKERS_MOST], cmp_me[WORKERS_MOST];   /* a comparison on its way */
bool late[WORKERS_MOST];        /* the deadline of `cur` has passed by the worker's clock */
byte wheel[SCHEDULERS_MOST];    /* HeldJobs, a bit per attempt */
byte outside_has;               /* the attempt whose token the executor outside was given */
/* ------------------------------------------------------------ requests that come late */
mtype:call net_k[FAULTS_MOST]; byte net_n[FAULTS_MOST], net_a[FAULTS_MOST];   /* of a CLAIM net_a is: overtaken */
/* ------------------------------------------------------------ budgets left, and what only promises look at */
byte faults, releases, leaves, declines, snoozes, deadlines;
byte started;                   /* bit per attempt: its handler was called */
bool moved_due;                 /* (MOVE_HELD) the worker knows the old due time */
bool was_lost, was_resent, was_armed;                      /* for WITNESS only */
hidden mtype:status o_st; hidden byte raised, moved, o_holder, hops, o_ask, g, o_lost;

#define B(x)        (1 << (x))
#define NID(p)      ((p) + 1)
#define LIVE(n)     (!(dead & B(n)))
#define TERMINAL    (st == SUCCESS || st == CANCELLED || st == EXPIRED || st == ABANDONED)
#define SETTLED     (TERMINAL || (st == FAILED && !again))
#define LEASED      (holder != 0)
#define ON          (!TERMINAL)    /* once the job is terminal only workers and late requests go on: nothing may follow */
#ifdef LIVENESS
#define ON2         (!TERMINAL)    /* terminal is final, by the safety runs */
#else
#define ON2         1
#endif
#define FAULT       faults > 0 -> faults--

/* A promise is a name that is always 0, so that the verifier says which one was broken. */
#define PROMISE(name, cond) assert((cond) || name)
hidden byte TERMINAL_IS_FINAL, ONLY_LEGAL_EDGES, VERSION_PLUS_ONE, ATTEMPT_RISES, ONE_NARROW_ROW, CANCEL_KEPT,
  NOT_FROM_UNDER_ITS_HANDLER, ONLY_THE_GRANT_ENDS, ONE_RESULT, ONLY_THE_GRANT_IS_RELEASED, START_NEEDS_THE_GRANT,
  NEVER_EARLY, STARTS_ONCE, NO_ATTEMPT_WASTED, NO_FAILURE_INVENTED, NO_LEASE_TAKEN_AWAY, NOT_STUCK,
  CAN_SUCCEED_AFTER_A_LOSS, CAN_BE_POISONED, CAN_END_LATE, CAN_BE_CANCELLED_WHILE_HELD, CAN_BE_RESENT,
  CAN_BE_ARMED_AND_RUN, CAN_MEET_ITS_DEADLINE, CAN_RUN_OUTSIDE, CAN_EXPIRE, CAN_BE_DECLINED_AND_RUN;
#define CAN(n, name, cond) PROMISE(name, !(WITNESS == n && (cond)))

/* ------------------------------------------------------------ ghosts: node ids of the past */
#define NAMED(x) (holder == x || claimer == x || net_n[0] == x || net_n[1] == x)
#define BURY(x)  (NAMED(x) -> B(x) : 0)
inline bury() {                 /* a ghost that nothing names is forgotten: marking it would move nothing */
  g = (B(5) - 1) | BURY(5) | BURY(6) | BURY(7); dead = dead & g; lapsed = lapsed & g; g = 0
}

/* ============================================================ what every statement obeys */
inline begin_statement() { o_st = st; raised = 0; moved = 0; o_holder = holder; o_ask = cancel_asked; hops = 0 }

inline transition(to) {         /* version + 1, one row of history, the trigger */
  PROMISE(TERMINAL_IS_FINAL, !TERMINAL);
  PROMISE(ONLY_LEGAL_EDGES, st == to
     || (st == CREATED   && (to == SCHEDULED || to == CANCELLED || to == EXPIRED))
     || (st == SCHEDULED && (to == RUNNING || to == CREATED || to == CANCELLED || to == EXPIRED))
     || (st == RUNNING   && (to == SUCCESS || to == FAILED || to == CANCELLED || to == SCHEDULED || to == CREATED))
     || (st == FAILED    && (to == SCHEDULED || to == CANCELLED || to == ABANDONED)));
  st = to; hops++
}

#define OLDER(x) x = (x > 1 -> x - 1 : x)
inline raise() {                /* attempt + 1: everything that names an attempt grows one older */
  raised = 1;
  topic = (topic >> 1) & B(NOW - 1);               /* what is older would only be refused */
  wheel[0] = (wheel[0] >> 1) & B(NOW - 1); wheel[1] = (wheel[1] >> 1) & B(NOW - 1);
  OLDER(cur[0]); OLDER(cmp_db[0]); OLDER(cmp_me[0]); OLDER(giving[0]); known[0] = 0;
  OLDER(cur[1]); OLDER(cmp_db[1]); OLDER(cmp_me[1]); OLDER(giving[1]); known[1] = 0;
  if :: net_k[0] != CLAIM -> OLDER(net_a[0]) :: else fi;
  if :: net_k[1] != CLAIM -> OLDER(net_a[1]) :: else fi;
  OLDER(outside_has);
  accepted = (STALE_FINISH || STALE_FINISH_NODE -> (accepted >> 1) & B(NOW - 1) : 0);   /* older ends are late or "already" */
  started = 0                                      /* the start of an older attempt is an error by itself */
}

inline end_statement() {
  /* G7: the row changed visibly <=> version rose by exactly one */
  PROMISE(VERSION_PLUS_ONE, hops == (st != o_st || raised || moved || holder != o_holder || cancel_asked != o_ask));
  /* R7: every entry into SCHEDULED raises the attempt; else only taking a held job back does */
  PROMISE(ATTEMPT_RISES, !(st == SCHEDULED && o_st != SCHEDULED) || raised);
  PROMISE(ATTEMPT_RISES, !raised || st == SCHEDULED);
  /* R6 */
  PROMISE(ONE_NARROW_ROW, !CHECK_ROWS || (in_due + in_inflight == (SETTLED -> 0 : 1)
     && in_unsuccessful == (SETTLED && st != SUCCESS)
     && (in_inflight -> LEASED != (claimer != 0) : !LEASED && claimer == 0)));
  /* R20: a cancel that was answered 202 is not forgotten */
  PROMISE(CANCEL_KEPT, !cancel_asked || LEASED || TERMINAL);
  bury()
}

inline no_row() { in_inflight = 0; in_unsuccessful = 0; claimer = 0; holder = 0; unacked = 0; in_due = 0 }
inline arm() { no_row(); in_due = 1 }
inline arm_r7() { no_row(); if :: !NO_R7 -> in_due = 1 :: else fi }
inline settle(to) { no_row(); again = 0; in_unsuccessful = (to != SUCCESS); transition(to) }
inline fail_once() {            /* tried again after a back-off while failures are left */
  failures++; no_row(); transition(FAILED);
  if
  :: failures <  max_attempts -> again = 1; in_due = 1; is_due = 0
  :: failures >= max_attempts -> in_unsuccessful = 1
  fi
}

/* ============================================================ the statements */
inline sql_claim(s) {           /* claims.py:CLAIM; the caller knows: s is live, under the lock (R4), and in_due */
  begin_statement();
  if
  :: st == CREATED || st == FAILED -> raise(); again = 0; transition(SCHEDULED)
  :: st == SCHEDULED                               /* armed again: keeps its attempt (R7) */
  fi;
  in_due = 0; in_inflight = 1; claimer = s;
  end_statement()
}

inline sql_lease(n, a, looked, r) {                /* leases.py:LEASE, EXPLAIN; job_types.py:TAKE_BACK */
  begin_statement();
  if
  :: !LIVE(n) && !looked -> r = NODE_DEAD          /* R4: locked, live (`looked`: mutants that looked earlier) */
  :: else ->
     if
     :: holder == n && LEASED && a == NOW && !NO_R1 -> r = (st == RUNNING -> GRANTED_DUE : GRANTED_HELD)   /* R1 */
     :: (st == SCHEDULED || LEASE_TAKES_LEASED && st == RUNNING) && (a == NOW || LEASE_ANY_ATTEMPT && a == NOW - 1) &&
          (!LEASED || LEASE_TAKES_LEASED && holder != n) && !(LEASE_REFUSES_ARMED && in_due) ->
        if
        :: past_expiry && !begun -> r = REFUSED
        :: lost >= SUSPECT_AFTER && declines > 0 && !paused ->          /* the node holds another suspect (R15) */
           declines--; arm(); r = DONE
        :: paused && !(past_expiry && !begun) ->
           r = REFUSED;
           if
           :: !PAUSE_FORGETS -> arm(); transition(CREATED)
           :: skip                                 /* it was resumed before this could be done */
           fi
        :: !paused && !(past_expiry && !begun) ->
           PROMISE(NO_LEASE_TAKEN_AWAY, !LEASED);
           if :: !NO_R6 -> in_due = 0 :: else fi;  /* its due row goes along */
           in_inflight = 1; claimer = 0; unacked = 0; holder = n;
           if
           :: is_due  -> transition(RUNNING); begun = 1; r = GRANTED_DUE
           :: !is_due -> transition(SCHEDULED); r = GRANTED_HELD
           fi
        fi
     :: else -> r = REFUSED
     fi
  fi;
  end_statement()
}

inline sql_decline(a) {         /* leases.py:DECLINE: back to due, the attempt stays; not even a live node is asked for */
  begin_statement();
  if :: st == SCHEDULED && a == NOW && !LEASED -> arm() :: else fi;
  end_statement()
}

inline sql_start(n, a) {        /* reports.py:STARTS */
  begin_statement();
  if :: st == SCHEDULED && LEASED && holder == n && a == NOW -> transition(RUNNING); begun = 1 :: else fi;
  end_statement()
}

inline sql_end(n, a, k) {       /* reports.py:ENDS, with its start before it; EXECUTIONS for what is said already */
  if
  :: accepted & B(a)                               /* "already" */
  :: !(accepted & B(a)) && LEASED && (holder == n || STALE_FINISH) && (a == NOW || STALE_FINISH || STALE_FINISH_NODE) ->
     PROMISE(ONLY_THE_GRANT_ENDS, holder == n && a == NOW);
     if :: st == SCHEDULED && k != END_UNSTARTED && !START_AFTER_END -> sql_start(n, a) :: else fi;
     begin_statement();
     if
     :: st == RUNNING || k == END_UNSTARTED || k == END_STOPPED ->
        PROMISE(ONE_RESULT, !(accepted & B(NOW)));  /* per attempt; per job by TERMINAL_IS_FINAL */
        CAN(1, CAN_SUCCEED_AFTER_A_LOSS, k == END_OK && was_lost);
        CAN(3, CAN_END_LATE, !LIVE(n) && k == END_OK);
        CAN(4, CAN_BE_CANCELLED_WHILE_HELD, k == END_UNSTARTED);
        CAN(5, CAN_BE_RESENT, k == END_OK && was_resent);
        CAN(6, CAN_BE_ARMED_AND_RUN, k == END_OK && was_armed);
        CAN(8, CAN_RUN_OUTSIDE, k == END_OK && n == OUTSIDE);
        CAN(10, CAN_BE_DECLINED_AND_RUN, k == END_OK && declines < DECLINES);
        accepted = accepted | B(NOW);
        if
        :: k == END_OK -> settle(SUCCESS)
        :: k == END_STOPPED || k == END_UNSTARTED || (k != END_OK && cancel_asked && !NO_R20_END) -> settle(CANCELLED)
        :: k == END_SNOOZED && (!cancel_asked || NO_R20_END) -> arm(); is_due = 0; transition(CREATED)
        :: k == END_FAILED && (!cancel_asked || NO_R20_END) -> fail_once()
        fi
     :: else                                       /* held and never started: late */
     fi;
     end_statement()
  :: else                                          /* late: reports.py:NOTE_ZOMBIE */
  fi
}

inline sql_release(n, a) {      /* leases.py:RELEASE; failures and lost stay */
  begin_statement();
  if
  :: LEASED && ((holder == n && a == NOW) || RELEASE_UNFENCED) ->
     PROMISE(ONLY_THE_GRANT_IS_RELEASED, holder == n && a == NOW);
     PROMISE(NOT_FROM_UNDER_ITS_HANDLER, !(NID(0) == n && cur[0] == a && ph[0] == RUN)
                                      && !(NID(1) == n && cur[1] == a && ph[1] == RUN));
     if
     :: cancel_asked && !(NO_R20_RELEASE && st == SCHEDULED) -> settle(CANCELLED)
     :: else ->
        if :: st == RUNNING || !RELEASE_KEEPS_ATTEMPT -> raise() :: else fi;
        arm(); transition(SCHEDULED)
     fi
  :: else
  fi;
  end_statement()
}

inline sql_take_back() {        /* reaping.py:TAKE_BACK: what a dead node holds */
  begin_statement();
  o_lost = lost;
  if :: (st == RUNNING || is_due) && lost < 3 -> lost++; was_lost = (WITNESS == 1) :: else fi;     /* R15 */
  if :: st == RUNNING && o_lost >= SUSPECT_AFTER -> suspect_losses++ :: else fi;
  if
  :: cancel_asked && !NO_R20_REAP -> settle(CANCELLED)
  :: else ->
     if
     :: st == RUNNING && o_lost >= SUSPECT_AFTER && suspect_losses >= POISON_LOSSES ->
        CAN(2, CAN_BE_POISONED, 1);
        settle(FAILED)
     :: else -> raise(); arm_r7(); transition(SCHEDULED)
     fi
  fi;
  end_statement()
}

inline sql_arm_again() {        /* reaping.py:ARM_AGAIN: the guard looks at the job only, not at who claimed it */
  begin_statement();
  arming = 0;
  if :: st == SCHEDULED && (!LEASED || ARM_LEASED) -> arm(); was_armed = (WITNESS == 6) :: else fi;
  end_statement()
}

inline sql_end_overdue() {      /* overdue.py:END_OVERDUE, fenced by the holder and attempt that were seen (R16) */
  if :: holder == NID(0) && cur[0] == NOW -> late[0] = 1 :: else fi;   /* the worker's clock says so too, earlier (R5) */
  if :: holder == NID(1) && cur[1] == NOW -> late[1] = 1 :: else fi;
  begin_statement();
  CAN(7, CAN_MEET_ITS_DEADLINE, 1);
  if
  :: cancel_asked -> settle(CANCELLED)
  :: !cancel_asked && st == RUNNING -> fail_once()
  :: !cancel_asked && st == SCHEDULED -> lost = (lost < 3 -> lost + 1 : lost); raise(); arm(); transition(SCHEDULED)
  fi;
  end_statement()
}

inline sql_expire() {           /* overdue.py:EXPIRE */
  begin_statement(); CAN(9, CAN_EXPIRE, 1); settle(EXPIRED); end_statement()
}

inline sql_take_back_paused() { /* job_types.py:TAKE_BACK, for job_types.py:CLAIMED_OF_PAUSED */
  begin_statement(); arm(); transition(CREATED); end_statement()
}

inline sql_cancel() {           /* client_changes.py:CANCEL */
  begin_statement();
  if
  :: LEASED && !cancel_asked -> cancel_asked = 1; transition(st)        /* 202 */
  :: !LEASED -> cancel_asked = 1; settle(CANCELLED)                     /* 200 */
  :: else
  fi;
  end_statement()
}

inline sql_schedule_now() {     /* client_changes.py:SCHEDULE_NOW */
  begin_statement();
  max_attempts = (max_attempts > failures -> max_attempts : failures + 1);
  raise(); again = 0; is_due = 1; arm_r7(); transition(SCHEDULED);
  end_statement()
}

inline sql_change(later) {      /* client_changes.py:CHANGE with a new time; client_changes.py:TAKE_BACK without one */
  begin_statement();
  moved = 1;
  is_due = (later -> 0 : is_due);
  if
  :: LEASED -> moved_due = 1; transition(st)                            /* only with MOVE_HELD */
  :: !LEASED && st == FAILED -> arm(); transition(st)
  :: !LEASED && st != FAILED -> arm(); transition(CREATED)
  fi;
  end_statement()
}

inline sql_start_outside() {    /* client_changes.py:START_OUTSIDE */
  begin_statement();
  no_row(); in_inflight = 1; holder = OUTSIDE; begun = 1; outside_has = NOW; transition(RUNNING);
  PROMISE(STARTS_ONCE, !(started & B(NOW))); started = started | B(NOW);
  end_statement()
}

inline apply(k, n, a, looked, r) {                 /* job_service answers a worker */
  r = DONE;
  if
  :: k == LEASE   -> sql_lease(n, a, looked, r)
  :: k == DECLINE -> sql_decline(a)
  :: k == RELEASE -> sql_release(n, a)
  :: k == START   -> sql_start(n, a)
  :: k == CLAIM   ->
     if
     :: LIVE(n) && in_due && !paused && (!a || R8_OVERTAKEN_CLAIMS) -> sql_claim(n); unacked = !a; overtake(n)
     :: else
     fi
  :: else         -> sql_end(n, a, k)
  fi
}

/* ============================================================ the network */
inline overtake(n) {            /* claims.py:CLAIM, `newest`: requests that were sent before this one claim nothing (R8) */
  if :: net_k[0] == CLAIM && net_n[0] == n -> net_a[0] = 1 :: else fi;
  if :: net_k[1] == CLAIM && net_n[1] == n -> net_a[1] = 1 :: else fi
}
inline delay(k, n, a) {         /* each costs a fault, so there is room */
  if
  :: net_k[0] == 0 -> net_k[0] = k; net_n[0] = n; net_a[0] = a
  :: net_k[0] != 0 -> assert(net_k[1] == 0); net_k[1] = k; net_n[1] = n; net_a[1] = a
  fi
}

/* ============================================================ scheduler */
#define FREE(x) (!((dead | lapsed) & B(x)))
#define RENAME(x) if :: x == NID(p) -> x = g :: else fi
inline new_node(p) {            /* a fresh id; if anything still names the old one, it goes on as a ghost */
  g = 5; if :: !FREE(g) -> g++; if :: !FREE(g) -> g++; if :: !FREE(g) -> g++ :: else fi :: else fi :: else fi;
  assert(g < 8);
  dead = dead | (dead & B(NID(p)) -> B(g) : 0); lapsed = lapsed | (lapsed & B(NID(p)) -> B(g) : 0);
  dead = dead & ~B(NID(p)); lapsed = lapsed & ~B(NID(p));
  RENAME(holder); RENAME(claimer); RENAME(net_n[0]); RENAME(net_n[1]);
  g = 0; bury()
}

#define OLD_CLAIM(s) (net_k[s] == CLAIM && net_n[s] == NID(p) && !net_a[s])
proctype scheduler(byte s) { byte p = WORKERS_MOST + s;
end: do
  :: atomic { ON && in_due && !paused && LIVE(NID(p)) ->                           /* claims.py:CLAIM */
       sql_claim(NID(p)); overtake(NID(p));
       if :: wheel[s] = wheel[s] | B(NOW) :: FAULT; unacked = 1 fi }                /* … or the reply is lost */
  :: atomic { ON && in_due && !paused && LIVE(NID(p)) && FAULT; delay(CLAIM, NID(p), 0) }   /* … or the request comes late */
  :: atomic { ON && unacked && !NO_R8 && claimer == NID(p) && LIVE(NID(p)) ->       /* claims.py:UNACKED */
       unacked = 0; wheel[s] = wheel[s] | B(NOW); was_resent = (WITNESS == 5); overtake(NID(p)) }
  :: atomic { ON && LIVE(NID(p)) && (OLD_CLAIM(0) || OLD_CLAIM(1)) -> overtake(NID(p)) }   /* asked again, nothing is due */
  :: atomic { ON && (!LIVE(NID(p)) || faults > 0) ->                               /* told so; or crash, restart */
       if :: !LIVE(NID(p)) :: FAULT; lapsed = lapsed | B(NID(p)) fi;
       wheel[s] = 0; new_node(p) }
  od }

#define PUBLISH(s, a) :: atomic { ON && (wheel[s] & B(a)) -> wheel[s] = wheel[s] & ~B(a); topic = topic | B(a) }
proctype publishing() {         /* another loop of schedulers, that no claim keeps waiting */
end: do PUBLISH(0, NOW) PUBLISH(0, NOW - 1) PUBLISH(1, NOW) PUBLISH(1, NOW - 1) od }

/* ============================================================ worker: its main loop */
#define CALLING (ph[w] == LEASING || ph[w] == REPORTING || ph[w] == GIVING_BACK)
inline commit(a) { topic = topic & ~B(a) & (B(NOW) | B(NOW - 1)) }
inline forget(w) { late[w] = 0; ph[w] = IDLE; cur[w] = 0; rep[w] = 0; call[w] = 0 }
inline remember(w) { known[w] = known[w] || cur[w] == NOW }
inline crash(w) {               /* all is forgotten */
  forget(w); known[w] = 0; giving[w] = 0; cmp[w] = 0; cmp_db[w] = 0; cmp_me[w] = 0; new_node(w)
}
/* keep_node.py: a new node in the same process. Results and releases go out under the old id until answered, a
   running handler's result too; what is held is dropped; what is asked for is asked for again. */
inline reborn(w) {
  if
  :: giving[w] == NOW -> k = RELEASE; a = NOW
  :: giving[w] != NOW && (ph[w] == REPORTING || ph[w] == GIVING_BACK) && rep[w] == 0 -> k = call[w]; a = cur[w]
  :: giving[w] != NOW && ph[w] == RUN -> a = cur[w]; if :: k = END_OK :: k = RELEASE fi
  :: else
  fi;
  if :: k != 0 && !NO_R3 -> delay(k, NID(w), a) :: else fi;
  k = 0; a = 0;
  if
  :: ph[w] == LEASING && (rep[w] == 0 || rep[w] == NODE_DEAD) -> rep[w] = 0
  :: ph[w] == LEASING && rep[w] == REFUSED -> commit(cur[w]); forget(w)
  :: ph[w] == LEASING && (rep[w] == GRANTED_DUE || rep[w] == GRANTED_HELD) -> commit(cur[w]); remember(w); forget(w)
  :: ph[w] == LEASING && rep[w] == DONE -> commit(cur[w]); forget(w)
  :: ph[w] != LEASING -> remember(w); forget(w)
  fi;
  giving[w] = 0; cmp[w] = 0; cmp_db[w] = 0; cmp_me[w] = 0; new_node(w)
}
#define GRANTED(w) (holder == NID(w) && cur[w] == NOW)
#define NOT_EXPIRED(w) (NO_LOCAL_EXPIRY || (!(lapsed & B(NID(w))) && LIVE(NID(w))))
#define MAY_START(w) (NOT_EXPIRED(w) && (NO_LOCAL_DEADLINE || !late[w]))
inline start_handler(w) {       /* run_handler.py: the last check and the call in one breath (R5) */
  PROMISE(NEVER_EARLY, is_due || !GRANTED(w));
  PROMISE(START_NEEDS_THE_GRANT, GRANTED(w));
  PROMISE(STARTS_ONCE, !(started & B(cur[w])));
  started = started | B(cur[w]); remember(w); ph[w] = RUN
}
#define TAKE(a) \
  :: atomic { ON2 && ph[w] == IDLE && (topic & B(a)) -> \
       if \
       :: a == NOW && known[w] -> commit(a) \
       :: else -> \
          cur[w] = a; ph[w] = LEASING; call[w] = LEASE; \
          if :: a == NOW && declines > 0 -> declines--; call[w] = DECLINE :: skip fi; \
          if :: COMMIT_FIRST -> commit(a) :: else fi \
       fi }
inline report(w, k) { ph[w] = REPORTING; call[w] = k }
inline give_back(w) { remember(w); ph[w] = GIVING_BACK; call[w] = RELEASE }
inline unanswered(w) {          /* unknown: asked again with the same ids (R1, R3) */
  rep[w] = 0;
  if :: NO_R3 && ph[w] == REPORTING -> forget(w) :: else fi
}
#define HOLDS(w) (ph[w] == DUE || ph[w] == HELD || ph[w] == RUN || ph[w] == LOST_HANDLER)   /* by a definite answer */

proctype worker(byte w) { bool looked = 0; mtype:call k; byte a;
end: do
  TAKE(NOW) TAKE(NOW - 1)
  :: atomic { ON2 && (NO_R4 || R4_NO_LOCK) && call[w] == LEASE && CALLING && rep[w] == 0 && !looked && LIVE(NID(w)) ->
       looked = 1 }                                                     /* looked at the node; leases later, without a lock */
  :: atomic { ON2 && CALLING && rep[w] == 0 && (looked || !(NO_R4 || R4_NO_LOCK) || call[w] != LEASE || !LIVE(NID(w))) ->
       apply(call[w], NID(w), cur[w], looked, rep[w]); looked = 0 }     /* the request arrives */
  :: atomic { ON2 && CALLING && rep[w] == 0 && FAULT; delay(call[w], NID(w), cur[w]); unanswered(w) }   /* … late, or never */
  :: atomic { ON2 && CALLING && rep[w] != 0 && FAULT; unanswered(w) }   /* the reply is lost */
  :: atomic { ON2 && CALLING && rep[w] != 0 && (rep[w] != NODE_DEAD || NO_R28) ->   /* the reply arrives */
       if
       :: rep[w] == GRANTED_DUE  -> commit(cur[w]); rep[w] = 0; call[w] = 0; ph[w] = DUE
       :: rep[w] == GRANTED_HELD -> commit(cur[w]); rep[w] = 0; call[w] = 0; ph[w] = HELD
       :: rep[w] == REFUSED      -> commit(cur[w]); forget(w)
       :: rep[w] == DONE && ph[w] == LEASING -> commit(cur[w]); if :: DECLINE_REMEMBERED -> remember(w) :: else fi; forget(w)
       :: rep[w] == DONE && START_AFTER_END && ph[w] == REPORTING && call[w] != START -> call[w] = START; rep[w] = 0
       :: rep[w] == DONE && ph[w] != LEASING && !(START_AFTER_END && ph[w] == REPORTING && call[w] != START) -> forget(w)
       :: rep[w] == NODE_DEAD && NO_R28 -> commit(cur[w]); forget(w)    /* else it decides nothing: `reborn` (R28) */
       fi }
  :: atomic { ON2 && ph[w] == DUE && MAY_START(w) -> start_handler(w) }
  :: atomic { ON2 && ph[w] == HELD && (is_due || moved_due || NO_LOCAL_DUE) && MAY_START(w) -> start_handler(w) }
  :: atomic { ON2 && ph[w] == RUN && st == SCHEDULED && GRANTED(w) && !START_AFTER_END ->   /* told with the next batch */
       if :: sql_start(NID(w), cur[w]) :: FAULT; delay(START, NID(w), cur[w]) fi }
  :: atomic { ON2 && ph[w] == RUN ->                                    /* the handler ended */
       if
       :: report(w, END_OK) :: report(w, END_FAILED)
       :: snoozes > 0 -> snoozes--; report(w, END_SNOOZED)
       fi }
  :: atomic { ON2 && ph[w] == RUN && LOST_HANDLERS && FAULT; ph[w] = LOST_HANDLER }
  :: atomic { ON2 && ph[w] == RUN && cancel_asked && GRANTED(w) -> report(w, END_STOPPED) }
  :: atomic { ON2 && (ph[w] == HELD || ph[w] == DUE) && cancel_asked && GRANTED(w) -> remember(w); report(w, END_UNSTARTED) }
  :: atomic { ON2 && (ph[w] == HELD || ph[w] == DUE || ph[w] == RUN) && releases > 0 -> releases--; give_back(w) }
  :: atomic { ON2 && (ph[w] == HELD || ph[w] == DUE) && late[w] -> give_back(w) }
  :: atomic { ON2 && !LIVE(NID(w)) -> reborn(w) }   /* a renewal says so */
  :: atomic { ON2 && (faults > 0 || (leaves > 0 && ph[w] == IDLE && giving[w] == 0 && LIVE(NID(w)))) ->
       if
       :: leaves > 0 && ph[w] == IDLE && giving[w] == 0 && LIVE(NID(w)) ->         /* nodes.py:LEAVE; another process comes */
          leaves--; dead = dead | B(NID(w)); lapsed = lapsed & ~B(NID(w))
       :: FAULT; lapsed = lapsed | B(NID(w));
          if :: CALLING && rep[w] == 0 -> delay(call[w], NID(w), cur[w]) :: skip fi   /* it may still be on its way */
       fi;
       crash(w) }
  od }

/* ============================================================ worker: renewals and comparisons (R2) */
#define DB_SAYS (holder == NID(w) && LEASED -> NOW : 0)                 /* nodes.py:HOLDS */
#define WORTH (EVERY_COMPARISON || (DB_SAYS != cur[w] && (DB_SAYS != 0 || HOLDS(w))))   /* else it changes nothing */
proctype session(byte w) {
end: do
  :: atomic { ON && (lapsed & B(NID(w))) && LIVE(NID(w)) -> lapsed = lapsed & ~B(NID(w)) }   /* nodes.py:RENEW, in time */
  :: atomic { ON && !NO_R2 && !cmp[w] && LIVE(NID(w)) && WORTH ->
       cmp[w] = 1; cmp_db[w] = DB_SAYS; cmp_me[w] = (HOLDS(w) -> cur[w] : 0) }
  :: atomic { ON && cmp[w] ->
       if                       /* stops what it held by a definite answer before it asked, and what is not named */
       :: HOLDS(w) && (cur[w] == cmp_me[w] || R2_STOP_AT_ONCE) && cur[w] != cmp_db[w] -> remember(w); forget(w)
       :: else
       fi;
       if                       /* what is named and unknown is to be released, and never starts here */
       :: cmp_db[w] != 0 && cur[w] != cmp_db[w] ->
          PROMISE(NO_ATTEMPT_WASTED, !CHECK_WASTE || holder != NID(w) || cmp_db[w] != NOW);   /* by a lost reply alone (R1, R3) */
          known[w] = known[w] || (cmp_db[w] == NOW && !R2_NO_MARK);
          giving[w] = cmp_db[w]
       :: else
       fi;
       cmp[w] = 0; cmp_db[w] = 0; cmp_me[w] = 0 }
  :: atomic { ON2 && giving[w] ->
       if :: sql_release(NID(w), giving[w]) :: FAULT; delay(RELEASE, NID(w), giving[w]) fi;
       giving[w] = 0 }
  od }

/* ============================================================ duties */
#define HELD_BY_DEAD (LEASED && !LIVE(holder))
#define RESCANS (!NO_R4 && !R4_ONE_STATEMENT && !NO_RESCAN)
#define MOVES_NOW 8
#define MAY_MOVE (moving && (!R4_ONE_STATEMENT || moving == MOVES_NOW))
#define LOOK(x) :: (lapsed & B(x)) -> n = x
proctype reaper() { byte n, moving; bool saw;
end: do
  :: atomic { ON && lapsed && !moving -> if LOOK(1) LOOK(2) LOOK(3) LOOK(4) LOOK(5) LOOK(6) LOOK(7) fi;   /* reaping.py:MARK */
       if
       :: R4_ONE_STATEMENT -> moving = n; saw = (holder == n)           /* its picture is from before it waits for the lock */
       :: !R4_ONE_STATEMENT ->
          dead = dead | B(n); lapsed = lapsed & ~B(n);
          if :: (NO_R4 || NO_RESCAN) && holder == n -> moving = n :: else fi
       fi; n = 0 }
  :: atomic { ON && R4_ONE_STATEMENT && moving && moving < MOVES_NOW ->
       saw = saw && holder == moving && (lapsed & B(moving));
       dead = dead | (lapsed & B(moving)); lapsed = lapsed & ~B(moving);
       moving = (saw -> MOVES_NOW : 0); saw = 0 }
  :: atomic { ON && HELD_BY_DEAD && (RESCANS || MAY_MOVE) -> moving = 0; sql_take_back() }   /* reaping.py:HELD_BY_DEAD */
  :: atomic { ON && !HELD_BY_DEAD && MAY_MOVE -> moving = 0 }
  :: atomic { ON && moving && NO_RESCAN && FAULT; moving = 0 }          /* the replica ends in between */
  :: atomic { ON && claimer != 0 && !LIVE(claimer) && !arming -> arming = 1 }      /* reaping.py:CLAIMED_BY_DEAD */
  od }

#define UNDER_WAY ((topic & B(NOW)) || ((wheel[0] | wheel[1]) & B(NOW)) || cur[0] == NOW || cur[1] == NOW)
#define OVERDUE (st == SCHEDULED && !LEASED && in_inflight && is_due && !arming)
proctype reconciler() {         /* overdue.py:OVERDUE_CLAIMS: by evidence (R21); too early costs a fault */
end: do
  :: atomic { ON && OVERDUE && (!UNDER_WAY || EARLY_RECONCILE) -> arming = 1 }
  :: atomic { ON && OVERDUE && UNDER_WAY && !EARLY_RECONCILE && FAULT; arming = 1 }
  od }
proctype armer() {              /* the second statement of both, at any later time */
end: do :: atomic { ON && arming -> sql_arm_again() } od }

#define IS_LOST(w) (holder == NID(w) && cur[w] == NOW && ph[w] == LOST_HANDLER)
#define KNOWN_BY(w) (holder == NID(w) && (cur[w] == NOW || giving[w] == NOW || (cmp[w] && cmp_db[w] == NOW)))
#define OVERRUN (IS_LOST(0) || IS_LOST(1) || holder == OUTSIDE)
#define ORPHAN (NO_R2 && LEASED && holder < 5 && LIVE(holder) && !(lapsed & B(holder)) && !KNOWN_BY(0) && !KNOWN_BY(1))
proctype duties() {
end: do                         /* overdue.py:PAST_DEADLINE */
  :: atomic { ON && !NO_R16 && LEASED && (OVERRUN || ORPHAN || deadlines > 0) ->
       if
       :: OVERRUN
       :: !OVERRUN && ORPHAN -> PROMISE(NO_FAILURE_INVENTED, !CHECK_INVENTED)
       :: !OVERRUN && !ORPHAN -> deadlines--
       fi;
       sql_end_overdue() }
                                /* overdue.py:PAST_EXPIRY */
  :: atomic { ON && !NO_EXPIRE && past_expiry && !begun && !LEASED && (st == CREATED || st == SCHEDULED) -> sql_expire() }
  :: atomic { ON && !PAUSE_FORGETS && paused && st == SCHEDULED && !LEASED && in_inflight -> sql_take_back_paused() }
  od }

/* ============================================================ what passes, and what may happen */
proctype clock() { byte expires = EXPIRES;
end: do
  :: atomic { ON && !is_due -> is_due = 1 }
  :: atomic { ON && expires -> expires = 0; past_expiry = 1 }
  :: atomic { ON && paused -> paused = 0 }                              /* job_types.py:RESUME */
  od }

#define LAPSE(n) :: atomic { ON && LIVE(n) && !(lapsed & B(n)) && FAULT; lapsed = lapsed | B(n) }
proctype world() { byte cancels = CANCELS, retries = RETRIES, moves = MOVES, abandons = ABANDONS, pauses = PAUSES,
  outsides = OUTSIDES; mtype:reply r; bool s; mtype:call k; byte n, a;
end: do
  /* a client */
  :: atomic { ON && cancels > 0 -> cancels--; sql_cancel() }
  :: atomic { ON && retries > 0 && (st == FAILED || st == CREATED) -> retries--; sql_schedule_now() }
  :: atomic { ON && abandons > 0 && st == FAILED -> abandons--;         /* client_changes.py:ABANDON */
       begin_statement(); settle(ABANDONED); end_statement() }
  :: atomic { ON && moves > 0 && !SETTLED && st != RUNNING && (!LEASED || MOVE_HELD) -> moves--; sql_change(1) }
  :: atomic { ON && moves > 0 && st == SCHEDULED && !LEASED -> moves--; sql_change(0) }
  :: atomic { ON && outsides > 0 && st == SCHEDULED && !LEASED -> outsides--; sql_start_outside() }
  :: atomic { ON && pauses > 0 && !paused -> pauses--; paused = 1 }     /* job_types.py:PAUSE */
  /* an executor outside ends it by its token (client_changes.py:OUTSIDE_HOLDER), or never */
  :: atomic { ON2 && outside_has -> if :: k = END_OK :: k = END_FAILED fi;
       sql_end(OUTSIDE, outside_has, k); outside_has = 0; k = 0 }
  /* the network brings a late request, or loses it */
  :: atomic { ON2 && (net_k[0] != 0 || net_k[1] != 0) ->
       if :: net_k[0] != 0 -> s = 0 :: net_k[1] != 0 -> s = 1 fi;
       k = net_k[s]; n = net_n[s]; a = net_a[s];
       net_k[s] = 0; net_a[s] = 0;
       if :: apply(k, n, a, 0, r) :: skip fi;
       net_n[s] = 0; bury(); r = 0; s = 0; k = 0; n = 0; a = 0 }
  /* trouble */
  :: atomic { ON && topic != 0 && !LOSSLESS && FAULT; topic = 0 }       /* the topic is deleted */
  :: atomic { ON && st != CREATED && FAULT; topic = B(NOW) | B(NOW - 1) }          /* offsets are lost, records are forged */
  LAPSE(1)
  :: atomic { ON && WORKERS > 1 && LIVE(2) && !(lapsed & B(2)) && FAULT; lapsed = lapsed | B(2) }
  LAPSE(3)
  :: atomic { ON && SCHEDULERS > 1 && LIVE(4) && !(lapsed & B(4)) && FAULT; lapsed = lapsed | B(4) }
  od }

/* nothing can move any more: then the job is settled */
proctype stuck() { end: do :: atomic { timeout -> PROMISE(NOT_STUCK, SETTLED); break } od }

init { byte i;
  atomic {
    c_code { BUDGETS(SET_BUDGET) MUTANTS(SET) };
    faults = FAULTS; releases = RELEASES; leaves = LEAVES; declines = DECLINES; snoozes = SNOOZES;
    deadlines = DEADLINES; max_attempts = MAX_ATTEMPTS;
    for (i : 0 .. WORKERS_MOST - 1) { ph[i] = IDLE; if :: i < WORKERS -> run worker(i); run session(i) :: else fi }
    for (i : 0 .. SCHEDULERS_MOST - 1) { if :: i < SCHEDULERS -> run scheduler(i) :: else fi }
    run publishing(); run clock(); run world(); run armer(); run duties();
    if :: !NO_REAPER -> run reaper() :: else fi;
    if :: !NO_RECONCILE -> run reconciler() :: else fi;
#ifndef LIVENESS
    run stuck();
#endif
    i = 0
  } }

ltl settles { <> [] (SETTLED) }
