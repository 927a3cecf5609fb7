-- Version 6 keeps a unit of each article.
ALTER TABLE erp.article ADD COLUMN IF NOT EXISTS unite text NOT NULL DEFAULT 'P';
UPDATE erp.societe SET version = '6';
