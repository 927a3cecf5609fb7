"""A connector: takes messages from a partner system and delivers them, whatever happens in between."""
