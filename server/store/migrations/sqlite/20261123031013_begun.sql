-- +goose Up
-- add column "begun" to table: "drafts"
ALTER TABLE `drafts` ADD COLUMN `begun` datetime NULL;

-- +goose Down
-- reverse: add column "begun" to table: "drafts"
ALTER TABLE `drafts` DROP COLUMN `begun`;
