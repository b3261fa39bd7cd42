"""A figure as part of a page: no file beside it, the same bytes every time."""

import base64
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def data_uri(figure: "Figure", *, dpi: int = 100) -> str:
    """Return a figure as a PNG data address for the `src` of an image."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
