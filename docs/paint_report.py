"""Make the picture of the report for README, light and dark side by side; it needs chromium on the PATH."""

import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Page, sync_playwright

from segfeed.pictures.report.page import write_report

GAP_PX, LEFT_PX, RIGHT_PX = 24, 900, 676


def paint_report(path: Path) -> None:
    """Write the report of the sample and photograph it: the page, a photo opened, and the classes."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        # The report shows the path of the dataset's folder, so it must not be one of a user.
        report = write_report("sample", Path(folder) / "report.html", cache_dir="/tmp/segfeed")  # noqa: S108 - as said
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])

        def open_page(scheme: str, height: int) -> Page:
            size = {"width": 1280, "height": height}
            page = browser.new_page(viewport=size, color_scheme=scheme, device_scale_factor=1.5)
            page.goto(report.as_uri())
            return page

        light = _shrink(open_page("light", 1560).screenshot(), LEFT_PX)
        dark = open_page("dark", 900)
        top = dark.locator("#classes").bounding_box()["y"] + 24
        low = _shrink(dark.screenshot(full_page=True, clip={"x": 0, "y": top, "width": 1280, "height": 1140}), RIGHT_PX)
        dark.locator(".gallery .shot").nth(11).click()
        dark.wait_for_timeout(300)
        high = _shrink(dark.screenshot(), RIGHT_PX)
        browser.close()
    low = low.crop((0, 0, low.width, light.height - high.height - GAP_PX))
    canvas = Image.new("RGB", (LEFT_PX + GAP_PX + RIGHT_PX, light.height), "#ffffff")
    right = LEFT_PX + GAP_PX
    for picture, place in ((light, (0, 0)), (high, (right, 0)), (low, (right, high.height + GAP_PX))):
        canvas.paste(picture, place)
        box = [*place, place[0] + picture.width - 1, place[1] + picture.height - 1]
        ImageDraw.Draw(canvas).rectangle(box, outline="#cfccc4")
    canvas.save(path)


def _shrink(shot: bytes, width: int) -> Image.Image:
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    return picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)
