-- :entries is how many entries each file has. Odd files were closed in 2012 and are old all through, but for
-- every ninth, which has an entry of 2022.
SET ROLE compta_owner;
INSERT INTO compta.utilisateur VALUES ('CHEF', 'Élodie Chef'), ('CLAIRE', 'Claire Clerc'), ('PAUL', 'Paul Paie');
INSERT INTO compta.client SELECT n, 'Client ' || n || ' & fils' FROM generate_series(1, 40) n;
INSERT INTO compta.dossier
    SELECT n, 1 + n % 40, 'Bilan n° ' || n, CASE n % 2 WHEN 1 THEN 'clos' ELSE 'ouvert' END,
           CASE n % 2 WHEN 1 THEN '2012-06-30'::date END, NULL
      FROM generate_series(1, 60) n;
INSERT INTO compta.ecriture (dossier_id, le, libelle, debit)
    SELECT d, CASE d % 2 WHEN 1 THEN '2008-01-01'::date ELSE '2023-01-01'::date END + n % 700,
           'Écriture ' || n, n / 7.0
      FROM generate_series(1, 60) d, generate_series(1, :entries) n;
INSERT INTO compta.ecriture (dossier_id, le, libelle)
    SELECT d, '2022-02-02', 'Régularisation' FROM generate_series(1, 60, 2) d WHERE d % 9 = 0;
INSERT INTO compta.piece
    SELECT id, id, decode(string_agg(md5(id::text || k), ''), 'hex')
      FROM compta.ecriture, generate_series(1, 4) k WHERE id % 5 = 0 GROUP BY id;
