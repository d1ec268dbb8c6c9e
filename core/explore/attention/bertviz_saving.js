// Saves what bertviz has drawn just now, as SVG or as PNG. Styles of the page do not travel with a picture, so what they
// say of colours and letters is written into the copy.
(() => {
  const scale = 3, longest = 16000;
  const copied = ["fill", "font-size", "font-family", "font-weight"];
  const picture = () => {
    const drawn = document.querySelector("#vis svg");
    const copy = drawn.cloneNode(true);
    const [before, after] = [drawn, copy].map((each) => each.querySelectorAll("text, rect"));
    before.forEach((element, at) => {
      const style = getComputedStyle(element);
      for (const name of copied) after[at].style.setProperty(name, style.getPropertyValue(name));
    });
    const { width, height } = drawn.getBoundingClientRect();
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.setAttribute("width", width);
    copy.setAttribute("height", height);
    const paper = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    paper.setAttribute("width", "100%");
    paper.setAttribute("height", "100%");
    paper.style.fill = getComputedStyle(document.documentElement).backgroundColor;
    copy.prepend(paper);
    const text = new XMLSerializer().serializeToString(copy);
    return { width, height, blob: new Blob([text], { type: "image/svg+xml" }) };
  };
  const hand = (blob, ending) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${document.title.replaceAll(" ", "-")}.${ending}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  document.getElementById("save-svg").onclick = () => hand(picture().blob, "svg");
  document.getElementById("save-png").onclick = () => {
    const { width, height, blob } = picture();
    const times = Math.min(scale, longest / Math.max(width, height));
    const image = new Image();
    image.onload = () => {
      const canvas = document.createElement("canvas");
      canvas.width = Math.round(width * times);
      canvas.height = Math.round(height * times);
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((made) => hand(made, "png"));
    };
    image.src = URL.createObjectURL(blob);
  };
})();
