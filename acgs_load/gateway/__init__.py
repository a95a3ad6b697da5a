"""The reference ACGS: a truthful target that implements the whole contract. It imports neither attacker nor reader."""
