-- Version 9.1, in operation: records carry a channel.
ALTER TABLE websak.journalpost ADD COLUMN kanal text NOT NULL DEFAULT 'post';
UPDATE websak9.oppsett SET verdi = '9.1' WHERE navn = 'versjon';
