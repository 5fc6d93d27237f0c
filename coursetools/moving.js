// An explorer without a kernel: the picture of the start, and over it what a position changes.
document.querySelectorAll(".moving").forEach((box) => {
  const film = JSON.parse(box.querySelector("script").textContent);
  const picture = box.querySelector("img"), change = picture.cloneNode();
  Object.assign(change, {alt: "", hidden: true});
  picture.after(change);
  const fields = [...box.querySelectorAll("input, select")];
  fields.forEach((field) => field.addEventListener("input", () => {
    let place = 0;
    fields.forEach((each, i) => {
      const text = film.axes[i][each.value];
      place = place * film.axes[i].length + Number(each.value);
      each.setAttribute("aria-valuetext", text);
      if (each.nextElementSibling) each.nextElementSibling.textContent = text;
    });
    change.hidden = !film.changes[place];
    if (!change.hidden) change.src = "data:image/png;base64," + film.changes[place];
    picture.alt = box.querySelector(".moving-says").textContent = film.alts[place];
  }));
});
