"""What people configured: experiments, weights, assignments as they were stored, links, keys, saved reports.

Written once on SQLAlchemy Core, handed as text to the `CatalogStore` port. Not here: deciding anything.
"""

from evensplit.storage.base import CatalogStore
from evensplit.storage.catalog.accounts import Accounts, SignIns
from evensplit.storage.catalog.assignments import Assignments
from evensplit.storage.catalog.cohorts import Cohorts
from evensplit.storage.catalog.erasure import Erasure
from evensplit.storage.catalog.experiments import Experiments
from evensplit.storage.catalog.generations import Generations
from evensplit.storage.catalog.identity import Identity
from evensplit.storage.catalog.keys import KeyRing
from evensplit.storage.catalog.links import Links
from evensplit.storage.catalog.peeks import Peeks
from evensplit.storage.catalog.rejects import Rejects
from evensplit.storage.catalog.saved import Annotations, Saved
from evensplit.storage.catalog.shares import Shares

__all__ = ["Catalog"]


class Catalog(Experiments):
    """Experiments directly; the rest by name: `assignments`, `links`, `keys`, `saved`, ..."""

    def __init__(self, store: CatalogStore) -> None:
        super().__init__(store)
        self.assignments = Assignments(store)
        self.links = Links(store)
        self.identity = Identity(store, self.links)
        self.cohorts = Cohorts(store)
        self.keys = KeyRing(store)
        self.peeks = Peeks(store)
        self.rejects = Rejects(store)
        self.erasure = Erasure(store)
        self.saved = Saved(store)
        self.annotations = Annotations(store)
        self.generations = Generations(store)
        self.accounts = Accounts(store)
        self.sign_ins = SignIns(store)
        self.shares = Shares(store)
