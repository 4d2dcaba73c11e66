-- Tells when the presence of an agent that claims begins and ends, as is told of connections: agent.connected and
-- agent.disconnected. By triggers, so that no write of a presence is forgotten, those of the version before included. A new
-- column with a constant default locks the table for a moment and rewrites nothing; what is updated is one row for each
-- agent that is present. No index: those who look for presences that have ended read the table anyway.

alter table agent_slot
  -- the presence began, and nobody has told of its end: it may be over
  add column is_present boolean not null default false;

update agent_slot set is_present = true where connection_id is null and present_until > now();

create function note_presence() returns trigger language plpgsql as $$
begin
  new.is_present := new.connection_id is null and coalesce(new.present_until > now(), false);
  return new;
end $$;
create trigger note_presence before insert or update of connection_id, present_until on agent_slot
  for each row execute function note_presence();

-- A connection that takes the agent over ends no presence that lasts: what is told of it is enough.
create function tell_of_presence() returns trigger language plpgsql as $$
declare
  was_present boolean := tg_op = 'UPDATE' and old.is_present;
  is_over boolean := was_present and old.present_until <= now();
  happened text[] := '{}';
begin
  if is_over or was_present and not new.is_present and new.connection_id is null then
    happened := array['agent.disconnected'];
  end if;
  if new.is_present and (is_over or not was_present) then happened := happened || 'agent.connected'::text; end if;
  insert into agent_event (tenant_id, agent_id, type, data)
  select new.tenant_id, new.agent_id, what, json_build_object('name', a.name)
  from unnest(happened) with ordinality as one (what, number)
  join agent a on a.tenant_id = new.tenant_id and a.id = new.agent_id
  order by number;
  return null;
end $$;
-- Those that only go on call nothing: they are what is written most.
create trigger tell_of_presence after update of connection_id, present_until, is_present on agent_slot
  for each row when (old.is_present <> new.is_present or old.is_present and old.present_until <= now())
  execute function tell_of_presence();
create trigger tell_of_first_presence after insert on agent_slot
  for each row when (new.is_present) execute function tell_of_presence();
