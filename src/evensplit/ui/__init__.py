"""The pages: the results of the JSON interface, rendered on the server. `routes` lists them, `front` serves them.

A page is an async function in `pages/<noun>.py` from a `Visit` to a `Reply`, mostly
`visit.page("<noun>.html", name=value)`; a line in `routes.ROUTES` says its path and from which role on it is open. Its
template extends `base.html`, shows what others sent by `|data`, figures by `|figure`, `|share`, `|lasting`, times by
`|moment`, and puts `{{ visit.token_field }}` into every form that posts. Scripts are ES modules in `static/`; what
they fetch (`fragment` of `shell.js`) is a page without a shell. Errors are raised and shown by `front`.
"""
