----------------------------- MODULE Coherence -----------------------------
(* How caches of several instances are kept coherent: when an instance may
   serve what it has cached, when it evicts, and when a publisher may say that
   nobody serves the old value any more.

   The comment of an action names the code in cache-runtime/src that it stands
   for. One entry stands for all keys. A value is its version: the number of
   changes that the database had committed when the value was read.

   `Tick` is the only action that takes time, and every action may be put off
   for ever. So a silent network, a frozen server and a starved task are runs in
   which an action does not happen. Timers hold what is left of them; nobody
   compares clocks, they only have to run equally fast.

   A remedy is switched off by putting its name into `Off`. Then an invariant
   must fail: see cases.txt. docs/proof.md says what is left out. *)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS
  Instances,    \* the processes that cache the value
  Servers,      \* {1}, or {1, 2}: a primary, and its replica
  MaxVersion,   \* how often the value is changed
  Lease,        \* for how many ticks a canary proves that events arrive
  InFlight,     \* how many canaries of an instance may be on their way
  Failovers,    \* how often the replica becomes the primary
  Faults,       \* a subset of {"disconnect", "gap", "short gap", "forget"}
  Confirming,   \* whether the publisher waits until nobody serves the old value
  Off           \* the remedies that are switched off

VARIABLES
  db,       \* the version in the database
  binding,  \* for each version, how long until no read may be older; None if its
            \* event is not acknowledged, or is one that is confirmed
  server,   \* what the servers know
  inst,     \* what each instance knows, and what is on its way to it
  conf,     \* the publication that is under way
  confirmed \* the version that the latest confirmation was about

vars == <<db, binding, server, inst, conf, confirmed>>

None == 99 \* no version, no server, no time
On(remedy) == remedy \notin Off
May(fault) == fault \in Faults
Less(time) == IF time \in {0, None} THEN time ELSE time - 1

IsPrimary(s) == server.primary = s

(* Whether subscribers of `to` receive what is published on `from`. A primary
   passes it on to its replica. A replica accepts it as well, and delivers it to
   its own subscribers only. *)
Reaches(from, to) == from = to \/ (to # None /\ IsPrimary(from) /\ server.linked)

----------------------------------------------------------------------------
(* An instance is a record, and what happens to it a function of that. *)

NewInstance == [
  at |-> None,         \* the server that its connections lead to
  wire |-> <<>>,       \* the messages on their way to it
  lossy |-> FALSE,     \* whether messages are being lost, unnoticed
  canaries |-> <<>>,   \* those in flight, the earliest first
  live |-> FALSE,
  lease |-> 0,         \* what is left of it
  returned |-> FALSE,  \* whether a canary has come back that was sent after the fence
  entry |-> None,      \* the version in the cache
  load |-> None,       \* what a load has read that is not stored yet
  floor |-> 0]         \* the version in the database at the latest eviction

(* `coherent::Shared::serves`, which is asked before every hit, and before a load
   is stored. *)
IsOpen(i) ==
  \/ ~On("bypass")
  \/ inst[i].live /\ (inst[i].lease > 0 \/ ~On("lease"))
Serves(i) == inst[i].entry # None /\ IsOpen(i)

(* `Store::remove`, `Store::remove_all`: the entry goes, and in the same step the
   load on its way loses its token. *)
Evicted(r) == [r EXCEPT
  !.entry = None,
  !.load = IF On("load token") THEN None ELSE @,
  !.floor = db]

Flushed(r) == IF On("flush") THEN Evicted(r) ELSE r

(* `Link::lose`: messages may have been lost. What is in flight proves nothing
   any more. *)
Lost(r) == [Flushed(r) EXCEPT
  !.live = FALSE,
  !.lease = 0,
  !.returned = FALSE,
  !.canaries = <<>>,
  !.wire = SelectSeq(@, LAMBDA message : message[1] # "canary")]

(* `Link::disconnected`: what was on its way is lost. *)
Disconnected(r) == [Lost(r) EXCEPT !.at = None, !.wire = <<>>, !.lossy = FALSE]

(* `Canary::is_complete`. Without `canary`, it is enough that the server answers,
   as to a PING. *)
IsComplete(canary) == canary.told /\ (canary.back \/ ~On("canary"))

(* `Canaries::proof`, `Link::prove`: a complete canary renews the lease, from when
   it was sent, and makes the instance live. If one that was published before it
   is missing, that is a loss. *)
ProvenBy(r, n) ==
  LET left == IF On("lease from sending") THEN r.canaries[n].left ELSE Lease
      gap == \E m \in 1..(n - 1) : ~r.canaries[m].back
      rest == SubSeq(r.canaries, n + 1, Len(r.canaries))
  IN IF gap /\ On("gap") THEN Lost(r)
     ELSE IF left = 0 THEN [r EXCEPT !.canaries = rest]
     ELSE [(IF r.live THEN r ELSE Flushed(r)) EXCEPT
             !.live = TRUE,
             !.lease = left,
             !.returned = r.canaries[n].late,
             !.canaries = rest]
Latest(numbers) == CHOOSE n \in numbers : \A m \in numbers : m <= n
Proven(r) ==
  LET complete == {n \in 1..Len(r.canaries) : IsComplete(r.canaries[n])}
  IN IF complete = {} THEN r ELSE ProvenBy(r, Latest(complete))

(* The server publishes a message. *)
Published(all, s, message, to) == [k \in Instances |->
  IF k \in to /\ ~all[k].lossy /\ Reaches(s, all[k].at)
  THEN [all[k] EXCEPT !.wire = Append(@, message)]
  ELSE all[k]]

----------------------------------------------------------------------------
(* Connections. *)

(* `Link::recognizes`: whether the server may be used. *)
Recognizes(s) == IsPrimary(s) \/ ~On("role")

(* `Link::connected`, `Link::confirmed`: the connections are open, and the
   subscriptions are confirmed. The address may lead to any server. *)
Connect == \E i \in Instances, s \in Servers :
  /\ inst[i].at = None
  /\ Recognizes(s)
  /\ inst' = [inst EXCEPT ![i].at = s]
  /\ UNCHANGED <<db, binding, server, conf, confirmed>>

Disconnect == \E i \in Instances :
  /\ May("disconnect")
  /\ inst[i].at # None
  /\ inst' = [inst EXCEPT ![i] = Disconnected(@)]
  /\ UNCHANGED <<db, binding, server, conf, confirmed>>

(* `Link::expire`: the link notices that the lease has ended. Reads have noticed
   it before. The connections are kept if the server still answers. *)
Expire == \E i \in Instances :
  /\ inst[i].live
  /\ inst[i].lease = 0
  /\ \E r \in {Lost(inst[i]), Disconnected(inst[i])} : inst' = [inst EXCEPT ![i] = r]
  /\ UNCHANGED <<db, binding, server, conf, confirmed>>

----------------------------------------------------------------------------
(* Canaries. *)

Ids(r) == {r.canaries[n].id : n \in 1..Len(r.canaries)}
NewId(r) == CHOOSE id \in 1..InFlight : id \notin Ids(r)
NewCanary(id) == [
  id |-> id,
  left |-> Lease,   \* what is left of the lease that it would give
  told |-> FALSE,   \* whether the server has answered on the connection for events
  back |-> FALSE,   \* whether it has come back
  late |-> conf.phase = "fenced"] \* whether it was sent after the fence

(* `Supervisor::send_canary`, `list.lua`: in one round trip, the instance is
   listed for the length of a lease, the canary is published, and the server says
   what it is. `Link::advance` sends none after the lease has ended, before that is
   noticed. *)
SendCanary == \E i \in Instances :
  /\ inst[i].at # None
  /\ inst[i].live => inst[i].lease > 0
  /\ Len(inst[i].canaries) < InFlight
  /\ Recognizes(inst[i].at)
  /\ inst' = Published(
       [inst EXCEPT ![i].canaries = Append(@, NewCanary(NewId(inst[i])))],
       inst[i].at, <<"canary", NewId(inst[i])>>, {i})
  /\ server' = IF Confirming THEN [server EXCEPT !.list[i] = Lease] ELSE server
  /\ conf' = IF conf.phase = "fenced"
             THEN [conf EXCEPT
               !.renewed = @ \union {i},
               !.returned = IF inst[i].returned THEN @ \union {i} ELSE @]
             ELSE conf
  /\ UNCHANGED <<db, binding, confirmed>>

(* `Input::Server`: the server answers on the connection for events what it is. *)
Answer == \E i \in Instances, n \in 1..InFlight :
  /\ n <= Len(inst[i].canaries)
  /\ ~inst[i].canaries[n].told
  /\ inst' = [inst EXCEPT ![i] =
       IF Recognizes(@.at)
       THEN Proven([@ EXCEPT !.canaries[n].told = TRUE])
       ELSE Disconnected(@)]
  /\ UNCHANGED <<db, binding, server, conf, confirmed>>

----------------------------------------------------------------------------
(* Messages arrive in the order in which they were sent. *)

IsNext(i, kind) == inst[i].wire # <<>> /\ Head(inst[i].wire)[1] = kind

(* `Supervisor::message`: an event evicts before the next message is read. *)
ReceiveEvent == \E i \in Instances :
  /\ IsNext(i, "event")
  /\ inst' = [inst EXCEPT ![i] = Evicted([@ EXCEPT !.wire = Tail(@)])]
  /\ UNCHANGED <<db, binding, server, conf, confirmed>>

(* `Canaries::returned`. *)
CameBack(canaries, id) == [n \in 1..Len(canaries) |->
  [canaries[n] EXCEPT !.back = @ \/ canaries[n].id = id]]

ReceiveCanary == \E i \in Instances :
  /\ IsNext(i, "canary")
  /\ inst' = [inst EXCEPT ![i] = Proven([@ EXCEPT
       !.wire = Tail(@),
       !.canaries = CameBack(@, Head(inst[i].wire)[2])])]
  /\ UNCHANGED <<db, binding, server, conf, confirmed>>

(* `Supervisor::fenced`: the fence is acknowledged, unless that gets lost. If it
   names the instance, that has missed messages, and flushes. *)
ReceiveFence == \E i \in Instances :
  /\ IsNext(i, "fence")
  /\ inst' = [inst EXCEPT ![i] =
       IF i \in Head(@.wire)[2]
       THEN Lost([@ EXCEPT !.wire = Tail(@)])
       ELSE [@ EXCEPT !.wire = Tail(@)]]
  /\ conf' \in {conf} \union
       (IF conf.phase = "fenced" /\ Head(inst[i].wire)[3] = conf.round
        THEN {[conf EXCEPT !.acked = @ \union {i}]} ELSE {})
  /\ UNCHANGED <<db, binding, server, confirmed>>

----------------------------------------------------------------------------
(* Loads. *)

(* `Store::join` enters a load, and the loader reads the database; a later reading
   is only newer. Loads that begin while the cache is bypassed are never stored,
   and are left out. *)
BeginLoad == \E i \in Instances :
  /\ IsOpen(i)
  /\ inst[i].entry = None
  /\ inst[i].load = None
  /\ inst' = [inst EXCEPT ![i].load = db]
  /\ UNCHANGED <<db, binding, server, conf, confirmed>>

(* `Engine::load` asks again whether the cache is open, and `Store::store` whether
   the load still has its token. *)
StoreLoad == \E i \in Instances :
  /\ inst[i].load # None
  /\ inst' = [inst EXCEPT
       ![i].entry = IF IsOpen(i) THEN inst[i].load ELSE @,
       ![i].load = None]
  /\ UNCHANGED <<db, binding, server, conf, confirmed>>

----------------------------------------------------------------------------
(* Publishing. *)

Idle == [
  phase |-> "idle",    \* idle, changed, published or fenced
  round |-> 0,         \* tells a fence from the one before
  listed |-> {},       \* who was listed when the fence was sent
  left |-> [k \in Instances |-> 0], \* until the leases of those have ended
  receivers |-> 0,     \* how many were subscribed to the fence
  acked |-> {},        \* who has acknowledged it
  unsure |-> FALSE,    \* whether somebody may be live who is not listed
  lease |-> 0,         \* until everybody's lease has ended
  renewed |-> {},      \* who was listed again after the fence
  returned |-> {}]     \* and says that a canary came back that was sent after it

Change ==
  /\ conf.phase = "idle"
  /\ db < MaxVersion
  /\ db' = db + 1
  /\ conf' = [conf EXCEPT !.phase = "changed"]
  /\ UNCHANGED <<binding, server, inst, confirmed>>

(* `Core::send`: the primary publishes the event, and acknowledges it. *)
Publish ==
  /\ conf.phase = "changed"
  /\ inst' = Published(inst, server.primary, <<"event">>, Instances)
  /\ binding' = IF Confirming THEN binding ELSE [binding EXCEPT ![db] = Lease]
  /\ conf' = [conf EXCEPT !.phase = IF Confirming THEN "published" ELSE "idle"]
  /\ UNCHANGED <<db, server, confirmed>>

Refenced(r) == [r EXCEPT
  !.returned = FALSE,
  !.canaries = [n \in 1..Len(@) |-> [@[n] EXCEPT !.late = FALSE]]]

(* `Shared::round`: publishes a fence, and reads the list right after it.
   `unsure` is `Shared::may_be_unlisted`. *)
SendFence(unanswered) ==
  /\ inst' = Published(
       [k \in Instances |-> Refenced(inst[k])],
       server.primary, <<"fence", unanswered, 1 - conf.round>>, Instances)
  /\ conf' = [conf EXCEPT
       !.phase = "fenced",
       !.round = 1 - @,
       !.listed = {k \in Instances : server.list[k] > 0},
       !.left = server.list,
       !.receivers = Cardinality({k \in Instances :
                        inst[k].at = server.primary /\ ~inst[k].lossy}),
       !.acked = {},
       !.unsure = server.young > 0 /\ On("young list"),
       !.lease = Lease,
       !.renewed = {},
       !.returned = {}]
  /\ UNCHANGED <<db, binding, server, confirmed>>

Fence == conf.phase = "published" /\ SendFence({})

Silent == conf.listed \ conf.acked

(* `Shared::round` returns: everybody who is waited for has acknowledged the
   fence, or has no lease any more. *)
IsRoundOver ==
  /\ conf.phase = "fenced"
  /\ (\A k \in Silent : conf.left[k] = 0) \/ ~On("silent")
  /\ \/ conf.lease = 0
     \/ ~conf.unsure /\ Cardinality(conf.acked) >= conf.receivers

(* `Shared::missed`: the silent instances that were listed again, which is not
   over. *)
Renewed == {k \in Silent \intersect conf.renewed : server.list[k] > 0}

(* Now nobody serves the old value, says the publisher. *)
Confirm ==
  /\ IsRoundOver
  /\ Renewed = {} \/ ~On("unanswered")
  /\ confirmed' = db
  /\ conf' = Idle
  /\ UNCHANGED <<db, binding, server, inst>>

(* Those that are live although they were silent have missed messages. *)
FenceAgain ==
  /\ IsRoundOver
  /\ On("unanswered")
  /\ Renewed # {}
  /\ Renewed \subseteq conf.returned
  /\ SendFence(Renewed)

----------------------------------------------------------------------------
(* Faults. *)

(* Messages are lost on a connection that stays open, or that the server has closed
   and the instance takes for open. A "gap" is at least as long as a heartbeat, so a
   canary is lost as well; a "short gap" need not be. But one that takes an event
   takes the fence after it, too: a fence that arrives says that the events before
   it have arrived. *)
BeginLoss == \E i \in Instances :
  /\ May("gap") \/ May("short gap")
  /\ inst[i].at # None
  /\ ~inst[i].lossy
  /\ inst' = [inst EXCEPT ![i].lossy = TRUE]
  /\ UNCHANGED <<db, binding, server, conf, confirmed>>

IsMissing(r) == \E n \in 1..Len(r.canaries) :
  /\ ~r.canaries[n].back
  /\ \A m \in 1..Len(r.wire) : r.wire[m] # <<"canary", r.canaries[n].id>>

EndLoss == \E i \in Instances :
  /\ inst[i].lossy
  /\ conf.phase # "published"
  /\ May("short gap") \/ ~inst[i].live \/ IsMissing(inst[i])
  /\ inst' = [inst EXCEPT ![i].lossy = FALSE]
  /\ UNCHANGED <<db, binding, server, conf, confirmed>>

(* The replica no longer receives what its primary has. *)
Unlink ==
  /\ server.linked
  /\ server' = [server EXCEPT !.linked = FALSE]
  /\ UNCHANGED <<db, binding, inst, conf, confirmed>>

(* The replica becomes the primary. The primary becomes a replica, and keeps its
   connections. *)
Failover == \E s \in Servers :
  /\ server.failovers < Failovers
  /\ ~IsPrimary(s)
  /\ server' = [server EXCEPT !.primary = s, !.linked = FALSE, !.failovers = @ + 1]
  /\ UNCHANGED <<db, binding, inst, conf, confirmed>>

(* The list of instances is deleted, as by FLUSHALL. *)
Forget ==
  /\ May("forget")
  /\ \E k \in Instances : server.list[k] > 0
  /\ server' = [server EXCEPT !.list = [k \in Instances |-> 0], !.young = Lease]
  /\ UNCHANGED <<db, binding, inst, conf, confirmed>>

----------------------------------------------------------------------------
(* Time passes. *)

Aged(r) == [r EXCEPT
  !.lease = Less(@),
  !.canaries = [n \in 1..Len(@) |-> [@[n] EXCEPT !.left = Less(@)]]]

Tick ==
  /\ inst' = [i \in Instances |-> Aged(inst[i])]
  /\ binding' = [v \in 1..MaxVersion |-> Less(binding[v])]
  /\ server' = [server EXCEPT
       !.list = [k \in Instances |-> Less(@[k])],
       !.young = Less(@)]
  /\ conf' = [conf EXCEPT
       !.left = [k \in Instances |-> Less(@[k])],
       !.lease = Less(@)]
  /\ UNCHANGED <<db, confirmed>>

----------------------------------------------------------------------------

Init ==
  /\ db = 0
  /\ binding = [v \in 1..MaxVersion |-> None]
  /\ server = [
       primary |-> 1,
       linked |-> Cardinality(Servers) > 1, \* whether the replica has what the primary has
       failovers |-> 0,
       list |-> [k \in Instances |-> 0],    \* until when instances may be live
       young |-> 0]                         \* until the list is as old as a lease
  /\ inst = [i \in Instances |-> NewInstance]
  /\ conf = Idle
  /\ confirmed = 0

Next ==
  \/ Connect \/ Disconnect \/ Expire
  \/ SendCanary \/ Answer
  \/ ReceiveEvent \/ ReceiveCanary \/ ReceiveFence
  \/ BeginLoad \/ StoreLoad
  \/ Change \/ Publish \/ Fence \/ FenceAgain \/ Confirm
  \/ BeginLoss \/ EndLoss \/ Unlink \/ Failover \/ Forget
  \/ Tick

Spec == Init /\ [][Next]_vars

----------------------------------------------------------------------------
(* What holds in every state. A read changes nothing, so it is no action: `Serves`
   says whether a read now would be answered with the entry. *)

(* No read is older than an event that was acknowledged a lease ago. *)
NoneStaleAfterLease ==
  \A i \in Instances : Serves(i) =>
    \A v \in 1..MaxVersion : binding[v] = 0 => inst[i].entry >= v

(* No read is older than a confirmed event. *)
NoneStaleOnceConfirmed ==
  \A i \in Instances : Serves(i) => inst[i].entry >= confirmed

(* No value is stored whose load began before an eviction. *)
NoneStoredAfterEviction ==
  \A i \in Instances : inst[i].entry # None => inst[i].entry >= inst[i].floor

(* A lease after the latest change was acknowledged, all that is served is
   fresh. *)
AllFreshOnceQuiet ==
  (db > 0 /\ binding[db] = 0) =>
    \A i \in Instances : Serves(i) => inst[i].entry = db
=============================================================================
