"""The five scenarios, each a plain function ``run(client, world)`` of exactly three requests."""
