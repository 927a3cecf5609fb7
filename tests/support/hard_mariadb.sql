-- What has hurt others who moved a MariaDB database, a table or a row each.
SET SESSION sql_mode = '', time_zone = '+00:00';

CREATE TABLE `Kunde` (
    `Id` int NOT NULL AUTO_INCREMENT PRIMARY KEY,
    `Name` varchar(80) NOT NULL DEFAULT 'O''Neil',
    `geboren` date NOT NULL DEFAULT '0000-00-00',
    `erfasst` datetime(3) DEFAULT NULL,
    `geändert` timestamp(6) NOT NULL DEFAULT current_timestamp(6) ON UPDATE current_timestamp(6),
    `Art` enum('Bewohner', 'Angehörige') DEFAULT 'Bewohner',
    `merkmale` set('allein', 'mobil') DEFAULT NULL,
    `aktiv` bit(1) NOT NULL DEFAULT b'1',
    UNIQUE KEY `nach_namen` (`Name`, `geboren`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `Kunde` VALUES
    (1, 'Zürcher', '1931-03-02', '2024-02-29 23:59:59.999', '2024-03-31 01:30:00.000001', 'Bewohner', 'allein,mobil', b'1'),
    (2, 'Tab\tZeile\nRück\r\\N', '0000-00-00', '0000-00-00 00:00:00', '2024-10-27 00:30:00', 'Angehörige', '', b'0'),
    (3, '日本 😀', '2024-00-00', NULL, '2024-10-27 01:30:00', NULL, NULL, b'1'),
    (7, '', '1000-01-01', '9999-12-31 23:59:59', '1970-01-01 00:00:01', 'Bewohner', 'mobil', b'1');

CREATE TABLE `messung` (
    `kunde` int NOT NULL,
    `um` datetime NOT NULL,
    `wert` float DEFAULT NULL,
    `genau` double DEFAULT NULL,
    `betrag` decimal(20,4) DEFAULT NULL,
    `dauer` time(3) DEFAULT NULL,
    `zeichen` bit(5) DEFAULT NULL,
    `gross` bigint unsigned DEFAULT NULL,
    `nummer` int(6) unsigned zerofill DEFAULT NULL,
    `jahr` year DEFAULT NULL,
    `doppelt` int GENERATED ALWAYS AS (`kunde` * 2) STORED,
    PRIMARY KEY (`kunde`, `um`),
    CONSTRAINT `messung_kunde` FOREIGN KEY (`kunde`) REFERENCES `Kunde` (`Id`) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `messung` (kunde, um, wert, genau, betrag, dauer, zeichen, gross, nummer, jahr) VALUES
    (1, '2024-01-01 00:00:00', 2.33333333, 0.1, 1.5, '838:59:59.999', b'10101', 18446744073709551615, 42, 2024),
    (1, '2024-01-02 00:00:00', 1e20, 1e20, -0.0001, '-00:00:01.5', b'00000', 0, 0, 0),
    (2, '2024-01-01 00:00:00', 1.17549435e-38, 1.7976931348623157e308, 9999999999999999.9999, '25:00:00', NULL, NULL, NULL, NULL),
    (2, '2024-01-02 00:00:00', -0e0, 5e-324, NULL, NULL, b'1', 1, 999999, 1901),
    (3, '2024-01-01 00:00:00', 16777217, 9007199254740993, 0, '00:00:00', b'11111', 9223372036854775808, 7, 2155);

CREATE TABLE `ohne_schluessel` (
    `text` longtext,
    `bytes` longblob,
    `json` json DEFAULT NULL,
    `latin` varchar(20) CHARACTER SET latin1 DEFAULT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `ohne_schluessel` VALUES
    ('gleich', x'00ff0a0d5c09', '{"b": 1,  "a": [1.0, null]}', 'Grüße €'),
    ('gleich', x'00ff0a0d5c09', '{"b": 1,  "a": [1.0, null]}', 'Grüße €'),
    (NULL, '', NULL, ''),
    (REPEAT('äö', 100000), REPEAT(x'0102', 100000), '[]', NULL);

CREATE TABLE `alt` (`nr` int PRIMARY KEY, `was` varchar(20)) ENGINE=MyISAM DEFAULT CHARSET=utf8mb4;
INSERT INTO `alt` VALUES (1, 'MyISAM'), (2, 'ohne Transaktion'), (3, NULL);

CREATE SEQUENCE `belegnummer` START WITH 1000 CACHE 10;
CREATE VIEW `aktive` AS SELECT `Id`, `Name` FROM `Kunde` WHERE `aktiv` = b'1';

DELIMITER //
CREATE FUNCTION `anrede`(n varchar(80)) RETURNS varchar(100) DETERMINISTIC RETURN CONCAT('Grüezi ', n)//
CREATE PROCEDURE `aufraeumen`() BEGIN DELETE FROM `alt` WHERE `nr` < 0; END//
CREATE TRIGGER `gross` BEFORE INSERT ON `alt` FOR EACH ROW SET NEW.`was` = UPPER(NEW.`was`)//
CREATE EVENT `taeglich` ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' DO CALL `aufraeumen`()//
CREATE EVENT `ausser_betrieb` ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' DISABLE DO CALL `aufraeumen`()//
DELIMITER ;
