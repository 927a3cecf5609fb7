"""The demo tenant: the care home Pflegeheim Alpenblick, its legacy system and what it asked for."""
