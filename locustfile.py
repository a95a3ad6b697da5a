"""What Locust loads: ``locust -f locustfile.py`` works by itself, and is what the runner starts too."""

from acgs_load.traffic.engine.plug import plug
from acgs_load.traffic.engine.shapes import PlanShape
from acgs_load.traffic.engine.users import AcgsUser
from acgs_load.traffic.transport.door import transport_for
from acgs_load.traffic.user.world import SharedWorld
from acgs_load.traffic.worker.equipment import Equipment

__all__ = ["AcgsUser", "PlanShape"]

plug(Equipment(SharedWorld, transport_for))
