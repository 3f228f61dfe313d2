-- Who belongs to which tenant, and the wall between them.
-- The roles app_rw and backup_ro must exist (migrations/roles.sql, run once by a database administrator).

create table tenant_issuers (
    iss         text not null,                    -- the token's issuer
    claim_value text not null,                    -- its "tenant" claim
    tenant_id   uuid not null references tenants,
    primary key (iss, claim_value)
);
insert into tenant_issuers (iss, claim_value, tenant_id)
values ('http://atom.local', 'default', '00000000-0000-7000-8000-000000000001');

-- The two questions that come before a tenant is known. They run as the owner and answer nothing else.
create function tenant_of(issuer text, claim text) returns uuid
    language sql stable security definer set search_path = public, pg_temp as $$
    select tenant_id from tenant_issuers where iss = issuer and claim_value = claim
$$;
create function all_tenants() returns table (id uuid, name text)
    language sql stable security definer set search_path = public, pg_temp as $$
    select id, name from tenants order by id
$$;

-- FORCE binds the owner too. The sub-select makes Postgres evaluate the setting once a statement, not once a row.
do $$
declare
    t text;
begin
    for t in
        select c.table_name from information_schema.columns c join information_schema.tables using (table_schema, table_name)
        where c.table_schema = 'public' and c.column_name = 'tenant_id' and table_type = 'BASE TABLE'
          and c.table_name <> 'tenant_issuers'
    loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format(
            'create policy tenant_isolation on %I
                using (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))
                with check (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))', t);
    end loop;
end $$;
-- Not forced: the two functions above read these as the owner.
alter table tenants enable row level security;
create policy own_tenant on tenants using (id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
alter table tenant_issuers enable row level security;

revoke all on all tables in schema public from public;
revoke all on function tenant_of(text, text), all_tenants() from public;
grant execute on function tenant_of(text, text), all_tenants() to app_rw;
grant usage on schema public to app_rw, backup_ro;

grant select on tenants to app_rw;
grant select, insert on workflows, quarantined_uploads, verdicts, trusted_keys, workflow_runs, run_steps, approvals,
    audit_outbox, audit_log, insight_signals, datasets, backups to app_rw;
grant update (revoked_at) on workflows, trusted_keys to app_rw;
grant delete on quarantined_uploads, audit_outbox to app_rw;
grant update on workflow_runs, run_steps to app_rw;
grant update (object_version_id) on audit_log to app_rw;
grant update (restored_at, restore_ok, restore_note) on backups to app_rw;
grant select on all tables in schema public to backup_ro;
