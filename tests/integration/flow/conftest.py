from tests.integration.worlds import objects, shared_database, shared_world

__all__ = ["objects", "shared_database", "shared_world"]
