-- Made-up data, the same each time: {cases} cases.
INSERT INTO websak.system VALUES (1, 'Fjordvik kommune', '8');
INSERT INTO websak.bruker VALUES ('ARK', 'Arkivar', 'full'), ('SAK', 'Saksbehandler', 'full');
INSERT INTO websak.arbeidsplass VALUES ('kontor-01', 'ARK'), ('kontor-02', 'SAK');
INSERT INTO websak.sak SELECT n, 2000 + n % 25, 'Byggesak nr. ' || n, n % 3 = 0 FROM generate_series(1, {cases}) n;
INSERT INTO websak.journalpost (sak_id, tittel)
    SELECT 1 + n % {cases}, 'Søknad ' || n FROM generate_series(1, {cases} * 3) n;
