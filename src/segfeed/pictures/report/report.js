"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector, root = document) => root.querySelector(selector);
  const pictures = JSON.parse(one("#report").textContent).pictures;
  const root = document.documentElement;
  for (const element of all(".scripted")) element.hidden = false;

  const make = (name, className = "", text = "") => {
    const element = document.createElement(name);
    element.className = className;
    element.textContent = text;
    return element;
  };

  // Photo, overlay, labels: one setting for all pictures.

  const setMix = (percent) => {
    root.style.setProperty("--mix", percent / 100);
    for (const button of all("[data-mix]")) button.setAttribute("aria-pressed", String(Number(button.dataset.mix) === percent));
    for (const slider of all(".mix")) {
      slider.value = percent;
      slider.setAttribute("aria-valuetext", `${percent} % labels`);
    }
  };
  for (const button of all("[data-mix]")) button.addEventListener("click", () => setMix(Number(button.dataset.mix)));
  for (const slider of all(".mix")) slider.addEventListener("input", () => setMix(Number(slider.value)));
  for (const box of all(".crops")) {
    box.addEventListener("change", () => {
      root.classList.toggle("no-crops", !box.checked);
      for (const other of all(".crops")) other.checked = box.checked;
    });
  }

  // Tables that can be sorted by each column.

  for (const table of all(".sortable")) {
    const heads = all("thead tr:last-child th", table);
    heads.forEach((head, column) => {
      one("button", head).addEventListener("click", () => {
        const isText = head.classList.contains("text");
        const first = isText || column === 0 ? "ascending" : "descending";
        const now = head.getAttribute("aria-sort");
        const wanted = now === null ? first : now === "ascending" ? "descending" : "ascending";
        const value = (row) => row.children[column].dataset.value;
        const compare = isText ? (a, b) => value(a).localeCompare(value(b)) : (a, b) => value(a) - value(b);
        const rows = all("tbody tr", table).sort(compare);
        if (wanted === "descending") rows.reverse();
        one("tbody", table).append(...rows);
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", wanted);
      });
    });
  }

  // Tables that go on beyond the right side say so: on phones no scroll bar does.

  for (const frame of all(".scroll")) {
    const hint = make("p", "hint", "the table goes on →");
    frame.after(hint);
    const look = () => {
      const rest = frame.scrollWidth - frame.clientWidth - frame.scrollLeft;
      frame.classList.toggle("goes-on", rest > 1);
      hint.hidden = rest <= 1;
    };
    frame.addEventListener("scroll", look, { passive: true });
    new ResizeObserver(look).observe(frame);
    look();
  }

  // Findings, filtered.

  const filters = one(".filters");
  if (filters) {
    const findings = all(".finding");
    const filter = () => {
      const asked = new FormData(filters);
      const severities = asked.getAll("severity");
      const words = asked.get("text").trim().toLowerCase();
      const passes = (wanted, value) => wanted === "" || wanted === `=${value}`;
      let [count, total] = [0, 0];
      for (const finding of findings) {
        const { severity, rule, split } = finding.dataset;
        finding.hidden = !(
          severities.includes(severity) &&
          passes(asked.get("rule"), rule) &&
          passes(asked.get("split"), split) &&
          one(".what", finding).textContent.toLowerCase().includes(words)
        );
        total += Number(finding.dataset.count);
        count += finding.hidden ? 0 : Number(finding.dataset.count);
      }
      one(".shown").textContent = `${count} of ${total} findings`;
      one(".nothing").hidden = count > 0;
    };
    filters.addEventListener("input", filter);
    filters.addEventListener("submit", (event) => event.preventDefault());
    filter();
  }

  // The viewer: one picture, large; the arrows go through the pictures that it was opened among.

  const viewer = one(".viewer");
  let openers = [];
  let place = 0;
  let probe = null;

  const isSeen = (element) => element.getClientRects().length > 0;

  const fact = (name, value) => {
    const line = make("div");
    line.append(make("dt", "", name), make("dd", "", value));
    return line;
  };

  const swatch = (colour) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [name, value] of [["class", "swatch"], ["viewBox", "0 0 24 16"], ["aria-hidden", "true"]]) svg.setAttribute(name, value);
    for (const [name, value] of [["width", 24], ["height", 16], ["fill", colour ?? "url(#void)"]]) rect.setAttribute(name, value);
    svg.append(rect);
    return svg;
  };

  const show = (index) => {
    place = (index + openers.length) % openers.length;
    const opener = openers[place];
    const picture = pictures[opener.dataset.picture];
    one("h2 bdi", viewer).textContent = opener.dataset.key;
    one(".counter").textContent = `${place + 1} of ${openers.length}`;
    one(".stage").replaceChildren(one(".picture", opener).cloneNode(true));
    one(".remark").textContent = opener.dataset.note ?? "";
    one(".pointer").textContent = "";
    const facts = one(".facts", viewer);
    facts.replaceChildren(fact("Split", opener.dataset.split), fact("Files", picture.files.join(", ")));
    if (picture.size) facts.append(fact("Size", `${picture.size[0]} × ${picture.size[1]} px (height × width)`));
    one(".present").replaceChildren(
      ...picture.labels.map(([name, colour, share]) => {
        const line = make("li");
        line.append(swatch(colour), make("bdi", "", name), make("span", "", `${(100 * share).toFixed(share < 0.1 ? 2 : 1)} %`));
        return line;
      }),
    );
    probe = null;
    one(".side").scrollTop = 0;
  };

  document.addEventListener("click", (event) => {
    const opener = event.target.closest(".shot");
    if (!opener) return;
    openers = all(".shot", opener.closest("[data-set]")).filter(isSeen);
    show(openers.indexOf(opener));
    viewer.showModal();
  });
  // close() focuses what the viewer was opened from, and the close event comes a task later: without a focus of our own
  // at once, a key pressed in between would go to the wrong picture.
  const leave = () => {
    viewer.close();
    openers[place].focus();
  };
  one(".close").addEventListener("click", leave);
  viewer.addEventListener("click", (event) => event.target === viewer && leave());
  viewer.addEventListener("close", () => openers[place].focus()); // a browser may close it by other means
  document.addEventListener("keydown", (event) => {
    if (!viewer.open || event.key !== "Escape") return;
    event.preventDefault();
    leave();
  });
  for (const step of all(".step")) step.addEventListener("click", () => show(place + Number(step.dataset.step)));

  viewer.addEventListener("keydown", (event) => {
    if (event.target.matches("input[type=range]") || event.ctrlKey || event.altKey || event.metaKey) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const mix = { 1: 0, 2: 60, 3: 100 }[event.key];
    if (step) show(place + step);
    if (mix !== undefined) setMix(mix);
    if (step || mix !== undefined) event.preventDefault();
  });

  // In the gallery the arrows go from picture to picture.

  document.addEventListener("keydown", (event) => {
    const opener = event.target.closest?.(".gallery .shot");
    if (!opener) return;
    const shots = all(".shot", opener.closest(".gallery"));
    const columns = shots.filter((shot) => shot.offsetTop === shots[0].offsetTop).length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    const next = step && shots[shots.indexOf(opener) + step];
    if (!step) return;
    event.preventDefault();
    next?.focus();
  });

  // What lies under the pointer, read from the labels themselves.

  const readLabels = async (number) => {
    const drawn = one(`#p${number} .labels`);
    if (!drawn) return null;
    const image = new Image();
    image.src = drawn.getAttribute("href");
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    return context;
  };

  one(".stage").addEventListener("pointermove", async (event) => {
    const opener = openers[place];
    const picture = pictures[opener.dataset.picture];
    if (!picture.mask || !picture.labels.length) return;
    probe ??= readLabels(opener.dataset.picture);
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(one(".stage .picture").getScreenCTM().inverse());
    const labels = await probe;
    if (opener !== openers[place]) return;
    const [left, width, height] = picture.mask;
    const [row, column] = [Math.floor(at.y), Math.floor(at.x) - left];
    const isInside = row >= 0 && column >= 0 && row < height && column < width;
    const { canvas } = labels;
    const [red, green, blue] = isInside
      ? labels.getImageData(Math.floor((column * canvas.width) / width), Math.floor((row * canvas.height) / height), 1, 1).data
      : [];
    const colour = isInside && `#${[red, green, blue].map((part) => part.toString(16).padStart(2, "0")).join("")}`;
    const found = picture.labels.find((label) => label[1] === colour) ?? picture.labels.find((label) => label[1] === null);
    one(".pointer").textContent = isInside ? `row ${row}, column ${column}: ${found ? found[0] : ""}` : "";
  });

  setMix(60);
})();
