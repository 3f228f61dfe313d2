"""`atomctl demo`: the main job as a story, told on the running stack with real requests.

`telling.py` assembles the chapters, `story.py` is how a step is told, `people.py` who acts; every other file is a
chapter.
"""
