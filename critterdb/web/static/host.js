// Propose times in the visitor's own zone: without a script the form has them in UTC.
(() => {
  "use strict";
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const two = (number) => String(number).padStart(2, "0");
  for (const form of document.querySelectorAll("form.desk")) {
    const { opens, zone: field } = form.elements;
    const moment = new Date(`${opens.value.replace(" ", "T")}Z`);
    if (!zone || field.value !== "UTC" || Number.isNaN(moment.getTime())) continue;
    const day = [moment.getFullYear(), two(moment.getMonth() + 1), two(moment.getDate())];
    opens.value = `${day.join("-")} ${two(moment.getHours())}:${two(moment.getMinutes())}`;
    field.value = zone;
  }
})();
