"""Where Locust is bent: runners, dispatch, user class, shape, signals. Nothing else subclasses or patches it."""
