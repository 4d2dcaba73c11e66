import type { Database } from "@devmesh/repositories";

/**
 * Watches every commit from inside the database, in a schema of its own: `fault.violation` gets a row when an agent has
 * more open assignments than slots, when `in_flight` is not what is open, when an assignment changes after its end, or a
 * result comes from another fence than the task's. What holds at each commit holds at every moment, since nobody sees
 * anything between commits.
 *
 * `fault.disk` says how full the disk is: what writes to the ledger then fails with 53100, in the statement or at the
 * commit.
 */
export async function watchLedger(database: Database): Promise<void> {
  await database.ownerSession((session) => session.runScript(watch));
}

const watch = `
create schema fault;
create table fault.violation (what text not null, at timestamptz not null default clock_timestamp(), details json);
create table fault.disk (is_full boolean not null, at_commit boolean not null);
insert into fault.disk values (false, false);

create function fault.check_slot() returns trigger language plpgsql security definer set search_path = public as $$
declare
  flight int;
  most int;
  open int;
begin
  -- one statement, one snapshot: not every change of an assignment holds the slot's lock
  select s.in_flight, s.max_concurrency,
    (select count(*) from assignment a where a.agent_id = s.agent_id and a.is_open and a.slot = 'held')
  into flight, most, open from agent_slot s where s.agent_id = new.agent_id;
  if open > most or flight <> open then
    insert into fault.violation (what, details) values ('slots', json_build_object(
      'agentId', new.agent_id, 'open', open, 'inFlight', flight, 'maxConcurrency', most));
  end if;
  return null;
end $$;
create constraint trigger fault_slot after insert or update on agent_slot
  deferrable initially deferred for each row execute function fault.check_slot();
create constraint trigger fault_slot after insert or update of is_open, slot on assignment
  deferrable initially deferred for each row execute function fault.check_slot();

create function fault.check_ended() returns trigger language plpgsql security definer as $$
begin
  insert into fault.violation (what, details) values ('changed after its end', json_build_object(
    'assignmentId', new.id, 'fence', new.fence, 'from', old.state, 'to', new.state));
  return null;
end $$;
create trigger fault_ended after update on assignment for each row
  when (not old.is_open and (new.state, new.is_open, new.lease_until, new.ended_at)
    is distinct from (old.state, old.is_open, old.lease_until, old.ended_at))
  execute function fault.check_ended();

create function fault.check_result() returns trigger language plpgsql security definer set search_path = public as $$
begin
  if not exists (
    select from task t join assignment a on a.id = new.assignment_id
    where t.id = new.task_id and a.task_id = t.id and a.fence = t.fence and t.assignment_id = a.id
  ) then
    insert into fault.violation (what, details) values ('a result under an old fence', json_build_object(
      'taskId', new.task_id, 'assignmentId', new.assignment_id));
  end if;
  return null;
end $$;
create constraint trigger fault_result after insert or update on task_result
  deferrable initially deferred for each row execute function fault.check_result();

create function fault.check_disk() returns trigger language plpgsql security definer as $$
begin
  if exists (select from fault.disk where is_full and at_commit = (tg_name = 'fault_disk_at_commit')) then
    raise exception 'could not extend file "base/1/1": No space left on device' using errcode = '53100';
  end if;
  return null;
end $$;
do $$
declare name text;
begin
  foreach name in array array['task', 'assignment', 'task_event', 'agent_slot', 'idempotency_key'] loop
    execute format('create trigger fault_disk before insert or update on %I
      for each statement execute function fault.check_disk()', name);
    execute format('create constraint trigger fault_disk_at_commit after insert or update on %I
      deferrable initially deferred for each row execute function fault.check_disk()', name);
  end loop;
end $$;
grant usage on schema fault to devmesh_app, devmesh_engine;
`;
