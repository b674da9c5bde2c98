-- +goose Up
-- create "drafts" table
CREATE TABLE `drafts` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `mesh` text NOT NULL, `kind` text NOT NULL, `name` text NOT NULL, `form` text NOT NULL, `person` text NOT NULL, `author` text NOT NULL, `version` integer NOT NULL, `fields` json NOT NULL, `at` datetime NOT NULL);
-- create index "draft_mesh_kind_name_form_person" to table: "drafts"
CREATE UNIQUE INDEX `draft_mesh_kind_name_form_person` ON `drafts` (`mesh`, `kind`, `name`, `form`, `person`);
-- create index "draft_at" to table: "drafts"
CREATE INDEX `draft_at` ON `drafts` (`at`);
-- create "views" table
CREATE TABLE `views` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `mesh` text NOT NULL, `name` text NOT NULL, `query` text NOT NULL, `author` text NOT NULL, `at` datetime NOT NULL);
-- create index "view_mesh_name" to table: "views"
CREATE UNIQUE INDEX `view_mesh_name` ON `views` (`mesh`, `name`);

-- +goose Down
-- reverse: create index "view_mesh_name" to table: "views"
DROP INDEX `view_mesh_name`;
-- reverse: create "views" table
DROP TABLE `views`;
-- reverse: create index "draft_at" to table: "drafts"
DROP INDEX `draft_at`;
-- reverse: create index "draft_mesh_kind_name_form_person" to table: "drafts"
DROP INDEX `draft_mesh_kind_name_form_person`;
-- reverse: create "drafts" table
DROP TABLE `drafts`;
