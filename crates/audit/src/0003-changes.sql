CREATE INDEX audit_by_action ON audit_entries (action, organisation_id, number);
