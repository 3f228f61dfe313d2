"""The registry over HTTP. `app.py` composes; routers translate between HTTP and `atom.flow`, and decide nothing."""
