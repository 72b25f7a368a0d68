"""The experiments of the made-up shop: what is tried, and what each is measured by. Not here: what comes of them.

`checkout_button` has an effect and `headline` has none (`product`); `shipping_note` loses some people of one variant,
so that its split is suspect (`is_lost`); `gift_wrap` has not begun.
"""

import msgspec

from evensplit.demo.product import BUY, HEADLINES, Event
from evensplit.model.experiment import Design, NewExperiment, NewVariant
from evensplit.model.metric import Cap, Funnel, Mean, Metric, Proportion, Quantile, Recorded, Retention
from evensplit.model.report import EventChoice

LOAD_TIME = "load_ms"  # recorded for everybody in `headline`
PURCHASE = EventChoice("purchase")

_DESIGNS = (
    Design(
        "checkout_button",
        tuple(NewVariant(name, payload=msgspec.Raw(msgspec.json.encode({"colour": name}))) for name in BUY),
        "A green button on the last page of the checkout",
    ),
    Design("headline", tuple(NewVariant(name) for name in HEADLINES), "Other words above the list of teas"),
    Design(
        "shipping_note",
        (NewVariant("control"), NewVariant("note", "Free shipping from 30 euros, said in the cart")),
        "Saying what shipping costs before the checkout",
    ),
    Design(
        "gift_wrap",
        (NewVariant("control"), NewVariant("offered", payload=msgspec.Raw(b'{"price":2.5}'), weight=0.5)),
        "Gift wrapping offered in the cart",
    ),
)
_METRICS: tuple[tuple[Metric, ...], ...] = (
    (
        Proportion(name="bought", event=PURCHASE),
        Mean(
            name="revenue", event=PURCHASE, aggregate="sum", property="revenue", role="secondary",
            cap=Cap(upper_quantile=0.99, ignore_zeros=True), covariate_days=7,
        ),
        Funnel(
            name="cart_to_purchase", role="secondary", steps=(EventChoice("add_to_cart"), EventChoice("purchase"))
        ),
        Quantile(name="largest_orders", event=PURCHASE, property="revenue", q=0.9, role="secondary"),
    ),
    (
        Proportion(name="put_in_cart", event=EventChoice("add_to_cart")),
        Retention(name="came_back", event=EventChoice("page_view"), from_days=1, to_days=7, role="secondary"),
        Recorded(name=LOAD_TIME, shape="mean", role="guardrail", direction="down", margin=0.05),
    ),
    (
        Proportion(name="checked_out", event=EventChoice("checkout_started")),
        Mean(name="orders", event=PURCHASE, role="secondary"),
    ),
    (Proportion(name="bought", event=PURCHASE),),
)  # fmt: skip
TRIALS = tuple(
    NewExperiment(design=design, metrics=metrics, start=design.name != "gift_wrap")
    for design, metrics in zip(_DESIGNS, _METRICS, strict=True)
)


def is_lost(experiment: str, variant: str, theirs: list[Event]) -> bool:
    """Whether the page failed before it could say which variant it shows: under the note, in some browsers."""
    browser = theirs[0].properties["browser"]
    return experiment == "shipping_note" and variant == "note" and browser in ("Firefox", "Edge")
