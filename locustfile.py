"""What Locust loads: ``locust -f locustfile.py`` works by itself, and is what the runner starts too."""

from acgs_load.traffic.equipment import Equipment
from acgs_load.traffic.plug import plug
from acgs_load.traffic.shapes import PlanShape
from acgs_load.traffic.transport import transport_for
from acgs_load.traffic.users import AcgsUser
from acgs_load.traffic.world import SharedWorld

__all__ = ["AcgsUser", "PlanShape"]

plug(Equipment(SharedWorld, transport_for))
