-- +goose Up
-- columns of "changes": nullable ones are added in place, since rebuilding the table would drop rows that edits refer to
ALTER TABLE `changes` ADD COLUMN `plan` json NULL;
ALTER TABLE `changes` ADD COLUMN `breaches` json NULL;
ALTER TABLE `changes` ADD COLUMN `override` text NULL;
ALTER TABLE `changes` ADD COLUMN `rollout` text NULL;
ALTER TABLE `changes` ADD COLUMN `hash` text NULL;
ALTER TABLE `changes` ADD COLUMN `timeline` json NULL;
-- create index "change_rollout" to table: "changes"
CREATE INDEX `change_rollout` ON `changes` (`rollout`);
-- create "events" table
CREATE TABLE `events` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `mesh` text NOT NULL, `kind` text NOT NULL, `subject` text NOT NULL, `at` datetime NOT NULL, `body` json NOT NULL);
-- create index "event_mesh_id" to table: "events"
CREATE INDEX `event_mesh_id` ON `events` (`mesh`, `id`);
-- create index "event_at" to table: "events"
CREATE INDEX `event_at` ON `events` (`at`);
-- create "rollouts" table
CREATE TABLE `rollouts` (`id` text NOT NULL, `mesh` text NOT NULL, `target` text NOT NULL, `active` text NULL, `author` text NOT NULL, `reason` text NULL, `at` datetime NOT NULL, `spec` json NOT NULL, `phase` text NOT NULL, `status` json NOT NULL, `evidence` json NULL, `version` integer NOT NULL, PRIMARY KEY (`id`));
-- create index "rollouts_active_key" to table: "rollouts"
CREATE UNIQUE INDEX `rollouts_active_key` ON `rollouts` (`active`);
-- create index "rollout_mesh_target" to table: "rollouts"
CREATE INDEX `rollout_mesh_target` ON `rollouts` (`mesh`, `target`);
-- create index "rollout_phase" to table: "rollouts"
CREATE INDEX `rollout_phase` ON `rollouts` (`phase`);

-- +goose Down
-- reverse: create index "rollout_phase" to table: "rollouts"
DROP INDEX `rollout_phase`;
-- reverse: create index "rollout_mesh_target" to table: "rollouts"
DROP INDEX `rollout_mesh_target`;
-- reverse: create index "rollouts_active_key" to table: "rollouts"
DROP INDEX `rollouts_active_key`;
-- reverse: create "rollouts" table
DROP TABLE `rollouts`;
-- reverse: create index "event_at" to table: "events"
DROP INDEX `event_at`;
-- reverse: create index "event_mesh_id" to table: "events"
DROP INDEX `event_mesh_id`;
-- reverse: create "events" table
DROP TABLE `events`;
-- reverse: create index "change_rollout" to table: "changes"
DROP INDEX `change_rollout`;
-- reverse: create index "change_state" to table: "changes"
DROP INDEX `change_state`;
-- reverse: create index "change_mesh_revision" to table: "changes"
DROP INDEX `change_mesh_revision`;
ALTER TABLE `changes` DROP COLUMN `timeline`;
ALTER TABLE `changes` DROP COLUMN `hash`;
ALTER TABLE `changes` DROP COLUMN `rollout`;
ALTER TABLE `changes` DROP COLUMN `override`;
ALTER TABLE `changes` DROP COLUMN `breaches`;
ALTER TABLE `changes` DROP COLUMN `plan`;
