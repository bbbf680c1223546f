"""The report in a real browser: quiet, by keyboard, at three widths, in light and dark, and under attack."""

import io
import shutil

import numpy as np
import pytest
from PIL import Image

from hostile_names import PAYLOAD, hostile, make_source
from little_voc import COLOURS, a_photo, make_voc, put_mask, put_photo, some_labels
from segfeed.pictures.report.page import write_report
from segfeed.pictures.report.template import visible

pytestmark = pytest.mark.slow

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
CROP = (32, 40)

WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
for (const name of ["alert", "confirm", "prompt"]) window[name] = () => window.violations.push(name);
"""

# Every text that is seen, against its background: (ratio, words). Colours may come as rgb() or color(srgb).
CONTRASTS = """
() => {
  const parse = (text) => {
    const parts = text.match(/[\\d.e-]+/g).map(Number);
    const scale = text.startsWith("color(") ? 255 : 1;
    return [...parts.slice(0, 3).map((part) => part * scale), parts[3] ?? 1];
  };
  const over = ([r, g, b, a], ground) => [r, g, b].map((part, i) => part * a + ground[i] * (1 - a));
  const groundOf = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((ground, layer) => over(layer, ground), [255, 255, 255]);
  };
  const light = (colour) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = colour.map((channel) => linear(channel / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const words = walker.currentNode.data.trim();
    if (!words || !element.getClientRects().length || element.closest("script, style, title, option")) continue;
    const style = getComputedStyle(element);
    const isDrawn = element instanceof SVGElement;
    let ground = groundOf(isDrawn ? element.ownerSVGElement.parentElement : element);
    const inChart = isDrawn && element.classList.contains("crop-name");
    if (inChart) ground = over(parse(getComputedStyle(document.querySelector(".too-small")).fill), ground);
    const [a, b] = [light(over(parse(isDrawn ? style.fill : style.color), ground)), light(ground)];
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), words]);
  }
  return found;
}
"""


# What a gap in the escaping could let in.
ATTACKS = """
() => {
  const attempts = [
    () => { document.body.innerHTML += "<img src=x onerror='window.hacked = 1'>"; },
    () => { document.createElement("a").setAttribute("onclick", "window.hacked = 1"); },
    () =>
      document.body.append(Object.assign(document.createElement("style"), { textContent: "body { display: none }" })),
    () => document.body.append(Object.assign(document.createElement("img"), { src: "http://127.0.0.1:9/x.png" })),
    () => { fetch("http://127.0.0.1:9/").catch(() => {}); },
    () => {
      const module = document.createElement("script");
      module.append("window.hacked = 1");
      document.body.append(module);
    },
  ];
  for (const attempt of attempts) try { attempt(); } catch {}
}
"""


@pytest.fixture(scope="module")
def browser():
    """Start a browser, or skip."""
    if CHROMIUM is None:
        pytest.skip("no chromium on the PATH: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Open a report and watch it: at the end, nothing may have gone wrong in it."""
    contexts, wrong = [], []

    def opened(path, *, width=1280, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        context.set_default_timeout(10_000)
        context.add_init_script(WATCH)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
        url = path.as_uri()
        page.on(
            "request",
            lambda request: request.url == url or request.url.startswith("data:") or wrong.append(request.url),
        )
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        if context.pages and not options_without_script(context):
            wrong += [f"policy: {name}" for name in context.pages[0].evaluate("window.violations ?? []")]
        context.close()
    assert wrong == []


def options_without_script(context):
    return context.pages[0].evaluate("typeof window.violations") == "undefined"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def report(folder):
    """Write the report of a folder with four train pairs of large flat labels, two val pairs, and five findings."""
    splits = {"train": ["blocks", "broken", "round", "unknown"], "val": ["val_0", "val_1"]}
    root = make_voc(folder / "VOC", splits, size=(96, 128))
    labels = np.zeros((96, 128), np.uint8)
    labels[48:, :64], labels[48:, 64:], labels[:48, 64:] = 1, 2, 1
    put_mask(root, "blocks", labels)
    unknown = some_labels((96, 128))
    unknown[10:20, 30:50] = 77
    put_mask(root, "unknown", unknown)
    (root / "SegmentationClass" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    put_photo(root, "val_1", a_photo("val_0", (96, 128)))
    return write_report(root, folder / "report.html", crop_size=(64, 80))


@pytest.fixture(scope="module")
def clean(folder):
    """Write the report of a folder without a fault."""
    return write_report(make_voc(folder / "clean", {"train": ["a", "b"]}), folder / "clean.html", crop_size=CROP)


def focused(page):
    return page.evaluate("document.activeElement.dataset.key ?? document.activeElement.className")


def listed(page):
    return page.locator(".finding:visible").evaluate_all("all => all.map((one) => one.dataset.rule)")


def test_it_opens_without_a_word_and_fetches_nothing(open_page, report):
    page = open_page(report)
    assert page.title() == "VOC – dataset report"
    assert page.locator(".gallery .shot").count() == 6
    assert page.locator(".finding").count() == len(listed(page)) > 2


def check_legible(page, width):
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    told = page.evaluate(CONTRASTS)
    assert len(told) > 80
    assert [(round(ratio, 2), words) for ratio, words in told if ratio < 4.5] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_it_fits_every_width_and_can_be_read_in_light_and_dark(open_page, report, width, scheme):
    page = open_page(report, width=width, color_scheme=scheme)
    check_legible(page, width)
    page.locator(".gallery .shot").first.click()
    check_legible(page, width)
    box = page.locator(".viewer").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(21, 23, 26)") == (scheme == "dark")


def test_a_table_that_goes_on_beyond_the_side_says_so(open_page, report):
    page = open_page(report, width=360)
    frame = page.locator("#overview .scroll")
    hint = page.locator("#overview .hint")
    assert hint.is_visible()
    assert frame.evaluate("(it) => getComputedStyle(it).maskImage") != "none"
    frame.evaluate("(it) => { it.scrollLeft = it.scrollWidth; }")
    hint.wait_for(state="hidden")
    assert frame.evaluate("(it) => getComputedStyle(it).maskImage") == "none"
    assert not open_page(report, width=1280).locator("#overview .hint").is_visible()


def test_findings_are_filtered_by_click(open_page, report):
    page = open_page(report)
    every = listed(page)
    page.locator("[name=severity][value=error]").uncheck()
    left = listed(page)
    assert 0 < len(left) < len(every)
    assert page.get_by_role("status").inner_text() == f"{len(left)} of {len(every)} findings"
    page.locator("[name=severity][value=error]").check()
    page.locator("[name=rule]").select_option("=mask-unknown")
    assert set(listed(page)) == {"mask-unknown"}
    page.locator("[name=rule]").select_option("")
    page.locator("[name=split]").select_option("=val")
    assert set(page.locator(".finding:visible").evaluate_all("all => all.map((one) => one.dataset.split)")) == {"val"}
    page.locator("[name=split]").select_option("")
    page.locator("[name=text]").fill("no such words")
    assert listed(page) == []
    assert page.get_by_text("No finding passes these filters.").is_visible()


def test_findings_are_filtered_by_keyboard(open_page, report):
    page = open_page(report)
    every = listed(page)
    page.locator("[name=severity][value=error]").focus()
    page.keyboard.press("Space")
    assert 0 < len(listed(page)) < len(every)
    page.keyboard.press("Space")
    page.locator("[name=text]").focus()
    page.keyboard.type("MASK-UNKNOWN")
    page.keyboard.press("Enter")  # must not send a form anywhere
    assert set(listed(page)) == {"mask-unknown"}


def test_a_dataset_without_findings_has_nothing_to_filter(open_page, clean):
    page = open_page(clean)
    assert page.get_by_text("Nothing is wrong").is_visible()
    assert page.locator(".filters").count() == 0
    assert page.get_by_role("link", name="No findings").is_visible()


def test_the_gallery_works_by_keyboard(open_page, report):
    page = open_page(report)
    shots = page.locator(".gallery").first.locator(".shot")
    keys = shots.evaluate_all("all => all.map((one) => one.dataset.key)")
    shots.first.focus()
    page.keyboard.press("ArrowRight")
    assert focused(page) == keys[1]
    page.keyboard.press("Enter")
    viewer = page.get_by_role("dialog")
    assert viewer.is_visible()
    assert viewer.get_by_role("heading").inner_text() == keys[1]
    assert page.evaluate("document.activeElement.closest('dialog') !== null")
    page.keyboard.press("ArrowRight")
    assert viewer.get_by_role("heading").inner_text() == keys[2]
    assert viewer.locator(".counter").inner_text() == "3 of 4"
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    assert viewer.get_by_role("heading").inner_text() == keys[3]  # round the corner
    for _ in range(30):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body || document.activeElement.closest('dialog') !== null"
        )
    page.keyboard.press("Escape")
    assert not viewer.is_visible()
    assert focused(page) == keys[3]


def test_the_focus_is_on_the_last_picture_as_soon_as_the_viewer_closes(open_page, report):
    page = open_page(report)
    keys = page.locator(".gallery").first.locator(".shot").evaluate_all("all => all.map((one) => one.dataset.key)")
    escape = "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true}))"
    for close in (escape, "document.querySelector('.close').click()", "document.querySelector('.viewer').click()"):
        page.locator(".gallery .shot").first.click()
        page.keyboard.press("ArrowRight")
        found = page.evaluate(f"() => {{ {close}; return document.activeElement.dataset.key; }}")  # in the same task
        assert found == keys[1]
        assert not page.get_by_role("dialog").is_visible()


def test_focus_is_seen(open_page, report):
    page = open_page(report)
    for _ in range(25):
        page.keyboard.press("Tab")
        style = page.evaluate(
            "(() => { const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth]; })()"
        )
        assert style[0] != "none"
        assert float(style[1].removesuffix("px")) >= 2


def test_photo_overlay_and_labels_are_one_setting_for_all(open_page, report):
    page = open_page(report)
    mix = "getComputedStyle(document.documentElement).getPropertyValue('--mix')"
    page.locator(".gallery .shot").first.click()
    viewer = page.get_by_role("dialog")
    page.keyboard.press("3")
    assert page.evaluate(mix) == "1"
    assert viewer.get_by_role("button", name="Labels").get_attribute("aria-pressed") == "true"
    slider = viewer.get_by_role("slider", name="Labels over photo")
    slider.focus()
    heading = viewer.get_by_role("heading").inner_text()
    page.keyboard.press("ArrowLeft")  # moves the slider, not the pictures
    assert page.evaluate(mix) == "0.95"
    assert slider.get_attribute("aria-valuetext") == "95 % labels"
    assert viewer.get_by_role("heading").inner_text() == heading
    viewer.get_by_role("button", name="Photo").click()
    page.keyboard.press("Escape")
    assert page.locator(".toolbar [data-mix='0']").get_attribute("aria-pressed") == "true"
    assert page.evaluate(mix) == "0"


def stage_of(page):
    """Return the picture of the stage: its pixels, and how many of them a px of the photo is long."""
    box = page.locator(".stage .picture").bounding_box()
    shot = np.array(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
    return shot, box


def test_labels_are_shown_in_exactly_their_colours(open_page, report):
    page = open_page(report, reduced_motion="reduce")
    page.locator(".crops").first.uncheck()
    page.locator(".gallery [data-key=blocks]").click()
    page.keyboard.press("3")
    shot, box = stage_of(page)
    across = page.evaluate("document.querySelector('.stage .labels, .stage use').getBoundingClientRect().toJSON()")
    left, top, width, height = (across[name] for name in ("x", "y", "width", "height"))
    assert box["width"] >= width
    inner = shot[round(top) + 2 : round(top + height) - 2, round(left) + 2 : round(left + width) - 2]
    for row, column, label in ((0.2, 0.2, 0), (0.8, 0.2, 1), (0.2, 0.8, 1), (0.8, 0.8, 2)):
        assert inner[int(row * len(inner)), int(column * inner.shape[1])].tolist() == COLOURS[label].tolist()
    seen = {tuple(colour) for colour in inner.reshape(-1, 3).tolist()}
    assert seen == {tuple(COLOURS[label].tolist()) for label in range(3)}  # nothing is smoothed


def test_the_pointer_reads_the_label_below_it(open_page, report):
    page = open_page(report)
    page.locator(".gallery [data-key=blocks]").click()
    across = page.evaluate("document.querySelector('.stage use').getBoundingClientRect().toJSON()")
    for row, column, name in ((70.5, 100.5, "dog"), (70.5, 20.5, "cat"), (20.5, 20.5, "background")):
        x, y = across["x"] + column / 128 * across["width"], across["y"] + row / 96 * across["height"]
        page.mouse.move(x, y)
        page.get_by_text(f"row {int(row)}, column {int(column)}: {name}").wait_for()


def test_crops_can_be_hidden(open_page, report):
    page = open_page(report)
    frame = page.locator(".gallery .crop.line").first
    assert frame.is_visible()
    page.get_by_label("Crops").first.uncheck()
    assert not frame.is_visible()


def test_a_finding_opens_on_its_picture_with_its_box(open_page, report):
    page = open_page(report)
    page.locator("[name=rule]").select_option("=mask-unknown")
    page.locator(".finding:visible .shot").first.click()
    viewer = page.get_by_role("dialog")
    assert viewer.get_by_role("heading").inner_text() == "unknown"
    assert "is not in the legend" in viewer.locator(".remark").inner_text()
    box, whole = (viewer.locator(place).bounding_box() for place in (".stage .box.line", ".stage use"))
    scale = whole["width"] / 128
    assert box["x"] - whole["x"] == pytest.approx(30 * scale, abs=4)
    assert box["y"] - whole["y"] == pytest.approx(10 * scale, abs=4)
    assert box["width"] == pytest.approx(20 * scale, abs=8)


def test_classes_are_sorted_by_click_and_by_key(open_page, report):
    page = open_page(report)

    def names():
        return page.locator(".classes tbody th bdi").all_inner_texts()

    assert names() == ["background", "cat", "dog", "void"]
    page.locator(".classes thead").get_by_role("button", name="Pixels").first.click()
    pixels = page.locator(".classes tbody tr td.bars:nth-of-type(2)").evaluate_all(
        "all => all.map((one) => +one.dataset.value)"
    )
    assert pixels == sorted(pixels, reverse=True)
    assert page.locator("th[aria-sort=descending]").count() == 1
    page.locator(".classes thead").get_by_role("button", name="Class").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert names() == ["void", "dog", "cat", "background"]


def test_hostile_names_are_words_and_nothing_else(open_page, folder):
    path = folder / "hostile.html"
    write_report(make_source(folder, hostile), path, crop_size=CROP)
    page = open_page(path, width=360)
    assert page.evaluate("window.hacked") is None
    assert visible(PAYLOAD) in page.locator("h3").first.inner_text()
    page.locator("[name=rule]").select_option("=mask-unknown")
    page.locator(".finding:visible .shot").first.click()
    viewer = page.get_by_role("dialog")
    assert viewer.get_by_role("heading").inner_text().startswith(visible(PAYLOAD)[:40])
    page.keyboard.press("Escape")
    page.locator("[name=split]").select_option(index=1)
    page.locator("[name=text]").fill("<img src=x")
    assert listed(page) == ["mask-unknown"]
    shown = []
    for shot in page.locator(".gallery .shot").all():
        shot.click()
        shown.append(viewer.locator(".present").inner_text())
        page.keyboard.press("Escape")
    assert (
        sum(visible(PAYLOAD)[-40:].strip() in names for names in shown) == 2
    )  # the third has a colour that no class has
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.locator("img, iframe, object, [onerror], [onload], [onmouseover], [onfocus], [autofocus]").count() == 0


def test_the_policy_refuses_what_slips_in(browser, report):
    """Script, style and pictures that a gap in the escaping would let in are refused all the same."""
    page = browser.new_page()
    page.add_init_script(WATCH)
    page.goto(report.as_uri())
    page.evaluate(ATTACKS)
    page.wait_for_function("window.violations.length >= 5")
    assert page.evaluate("window.hacked") is None
    broken = set(page.evaluate("window.violations"))
    assert {"require-trusted-types-for", "style-src-elem", "img-src", "connect-src"} <= broken
    page.context.close()


def test_it_says_the_same_without_script(open_page, report):
    page = open_page(report, java_script_enabled=False)
    assert page.locator(".toolbar, .filters").first.is_hidden()
    assert page.locator(".gallery .shot").count() == 6
    assert page.locator(".finding").first.is_visible()


def test_nothing_moves_where_motion_is_not_wanted(open_page, report):
    style = "getComputedStyle(document.querySelector('.photo')).transitionDuration"
    assert open_page(report, reduced_motion="reduce").evaluate(style) == "0s"
    assert open_page(report, reduced_motion="no-preference").evaluate(style) != "0s"


def test_it_prints_without_its_tools(open_page, report):
    page = open_page(report)
    page.emulate_media(media="print")
    assert page.locator("nav").is_hidden()
    assert page.locator(".toolbar").is_hidden()
    assert page.locator(".filters").is_hidden()
    assert page.locator(".finding").first.is_visible()
