"""Commands of the training package that wait in a queue, and the worker that runs them.

Nothing here needs the page that shows them: a worker starts without Gradio.
"""
