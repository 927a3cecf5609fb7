-- Made-up data, the same each time: {orders} orders.
SELECT setseed(0.1974);
INSERT INTO erp.societe VALUES ('Mecavallon SAS', '6');
INSERT INTO erp.edition VALUES ('gpao', 'Standard'), ('compta', 'Spécifique'), ('stock', 'Standard');
INSERT INTO erp.utilisateur VALUES
    ('ADM', 'Administration des ventes', 'full'), ('CDE', 'Commandes', 'full'), ('MET', 'Méthodes', 'full'),
    ('AT1', 'Atelier, tours', 'workshop');
INSERT INTO erp.poste_utilisateur VALUES
    ('bureau-01', 'ADM'), ('bureau-01', 'CDE'), ('methodes-01', 'MET'), ('methodes-01', 'AT1');
INSERT INTO erp.client SELECT n, 'Client n° ' || n, (n % 7) * 10 FROM generate_series(1, 40) n;
INSERT INTO erp.article (id, designation, prix, stock, unite)
    SELECT n, 'Pièce tournée Ø ' || n || ' mm', 1 + n * 0.37, n % 25, CASE WHEN n % 3 = 0 THEN 'kg' ELSE 'p' END
    FROM generate_series(1, 200) n;
INSERT INTO erp.gamme SELECT n, 10, n * 0.5 FROM generate_series(1, 200, 2) n;
INSERT INTO erp.commande (client_id, etat, le)
    SELECT 1 + n % 40, CASE WHEN n % 9 = 0 THEN 'ouverte' ELSE 'livrée' END, date '2019-01-01' + n % 2000
    FROM generate_series(1, {orders}) n;
INSERT INTO erp.ligne
    SELECT c.id, r, 1 + (c.id * 7 + r * 13) % 200, 1 + (c.id + r) % 50 FROM erp.commande c, generate_series(1, 3) r;
