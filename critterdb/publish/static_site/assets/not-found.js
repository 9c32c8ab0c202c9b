// The page for addresses that do not exist is shown at any depth and does not know where its site
// is: in the nearest folder above that has the site's manifest. Its links name their places.
(async () => {
  "use strict";
  const isRoot = async (folder) => {
    try {
      const response = await fetch(`${folder}site.webmanifest`);
      return response.ok && (await response.json()).start_url === "critters/";
    } catch {
      return false; // some hosts answer every address with a page
    }
  };
  const names = location.pathname.split("/").slice(0, -1);
  for (let depth = names.length; depth > 0; depth--) {
    const folder = `${names.slice(0, depth).join("/")}/`;
    if (!(await isRoot(folder))) continue;
    for (const link of document.querySelectorAll("a[data-place]")) {
      link.href = folder + link.dataset.place;
    }
    return;
  }
})();
