"""Files: written whole (`atomic`), read without trust (`archive`), and graphs kept in them (`store`)."""
