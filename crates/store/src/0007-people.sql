CREATE TABLE domains (
    domain_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL REFERENCES organisations (organisation_id),
    name BLOB NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX domains_organisation ON domains (organisation_id);

ALTER TABLE projects ADD COLUMN domain_id BLOB;

CREATE TABLE teams (
    team_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL REFERENCES organisations (organisation_id),
    project_id BLOB NOT NULL REFERENCES projects (project_id),
    name BLOB NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX teams_organisation ON teams (organisation_id);

ALTER TABLE people ADD COLUMN team_id BLOB;
ALTER TABLE people ADD COLUMN state TEXT NOT NULL DEFAULT 'active';
CREATE INDEX people_team ON people (team_id);
CREATE INDEX people_subject ON people (subject_id);

ALTER TABLE subjects ADD COLUMN person_id BLOB;
UPDATE subjects SET person_id = (SELECT p.person_id FROM people p WHERE p.subject_id = subjects.subject_id);

CREATE TABLE reporting_lines (
    person_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    organisation_id BLOB NOT NULL,
    manager_id BLOB NOT NULL,
    since INTEGER NOT NULL,
    ended_at INTEGER,
    PRIMARY KEY (person_id, number)
) STRICT;
CREATE UNIQUE INDEX reporting_lines_now ON reporting_lines (person_id) WHERE ended_at IS NULL;
CREATE INDEX reporting_lines_manager ON reporting_lines (manager_id, ended_at);

CREATE TABLE person_roles (
    person_id BLOB NOT NULL,
    role TEXT NOT NULL,
    organisation_id BLOB NOT NULL,
    PRIMARY KEY (person_id, role)
) STRICT;

CREATE TABLE blocks (
    block_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL,
    person_id BLOB,
    session_id BLOB,
    reason BLOB NOT NULL,
    set_by BLOB NOT NULL,
    since INTEGER NOT NULL,
    ends_at INTEGER NOT NULL
) STRICT;
CREATE INDEX blocks_organisation ON blocks (organisation_id, ends_at);
