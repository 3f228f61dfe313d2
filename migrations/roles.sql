-- Roles of Atom, made once by a database administrator before the first migration (`atomctl up` does it by itself for
-- the embedded Postgres). Give each a password with ALTER ROLE … PASSWORD. Roles belong to the server, not to a
-- database, hence they are no migration.
do $$
begin
    if not exists (select from pg_roles where rolname = 'atom_owner') then create role atom_owner login; end if;
    if not exists (select from pg_roles where rolname = 'app_rw') then create role app_rw login nobypassrls; end if;
    if not exists (select from pg_roles where rolname = 'backup_ro') then
        create role backup_ro login bypassrls;
        grant pg_read_all_data to backup_ro;
    end if;
    if not exists (select from pg_roles where rolname = 'atom_sandbox') then create role atom_sandbox login createdb; end if;
end $$;
