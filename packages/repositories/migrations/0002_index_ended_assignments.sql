-- How an agent's assignments ended lately is read by its end, not through all that it ever had.
-- Locks assignment against writes while it builds: the table is as good as empty before the first release.
create index assignment_ended on assignment (tenant_id, agent_id, ended_at desc) where ended_at is not null;
