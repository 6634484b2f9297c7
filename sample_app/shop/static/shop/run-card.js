/** One run on the page: its progress, how it ended, what it returned. */

import { duration, number } from "./elements.js";
import { resultOf } from "./results.js";

const TITLES = { importProducts: "Import products", salesReport: "Sales report", syncInventory: "Sync inventory" };
const ICONS = { importProducts: "upload", salesReport: "chart", syncInventory: "sync" };
const STATUSES = {
  PENDING: "Waiting",
  RUNNING: "Running",
  RETRYING: "Trying again soon",
  COMPLETED: "Done",
  FAILED: "Failed",
  CANCELED: "Canceled",
};

export class RunCard {
  /** @param {object} run Its first known state. @param {string} label What tells it from others, e.g. a file name. */
  constructor(run, label) {
    this.root = document.getElementById("run-template").content.firstElementChild.cloneNode(true);
    this.root.dataset.runId = run.id;
    this.title = TITLES[run.name] ?? run.name;
    this.#find("h3").textContent = this.title;
    this.#find(".run-head use").setAttribute("href", `#icon-${ICONS[run.name] ?? "task"}`);
    this.label = label;
    this.update(run);
  }

  /** @param {string} label Known later than the run, where another window started it. */
  set label(label) {
    this.#find(".run-label").textContent = label;
    this.#find("progress").setAttribute("aria-label", [this.title, label].filter(Boolean).join(", "));
  }

  /** Show a newer state; an older one is ignored. */
  update(run) {
    if (this.run && run.version < this.run.version) return;
    const ended = run.isTerminal && !this.run?.isTerminal;
    this.run = run;
    this.root.dataset.status = run.status;
    this.#find(".status").textContent = STATUSES[run.status];
    this.#showProgress(run);
    this.#showError(run);
    this.tick();
    if (ended && run.status === "COMPLETED") {
      const result = resultOf(run).filter(Boolean);
      this.#find(".run-result").replaceChildren(...result);
      this.#find(".run-result").hidden = !result.length;
    }
  }

  /** Show how long it takes. */
  tick() {
    const { startedAt, completedAt, createdAt } = this.run;
    const end = completedAt ? Date.parse(completedAt) : Date.now();
    const time = this.#find(".time");
    time.textContent = startedAt ? duration(end - Date.parse(startedAt)) : "";
    time.title = `Started ${new Date(createdAt).toLocaleString()}`;
  }

  #showProgress({ status, isTerminal, progress, progressCurrent, progressTotal, progressMessage, attempt, maxRetries }) {
    const bar = this.#find("progress");
    const isUnderWay = status === "RUNNING";
    const count = isUnderWay && progressTotal ? `${number(progressCurrent)} of ${number(progressTotal)}` : "";
    const percent = `${Math.floor(progress)} %`;
    if (isUnderWay && !progressTotal) bar.removeAttribute("value");
    else bar.value = progress;
    const message = { PENDING: "Waiting for a worker", RETRYING: "The next attempt starts soon" }[status] ?? progressMessage ?? "";
    const again = attempt > 1 ? ` (attempt ${attempt} of ${maxRetries + 1})` : "";
    bar.setAttribute("aria-valuetext", [percent, count, message].filter(Boolean).join(", "));
    this.#find(".message").textContent = message + again;
    this.#find(".count").textContent = isUnderWay && progressTotal ? `${count} · ${percent}` : "";
    this.#find(".run-progress").hidden = isTerminal;
  }

  #showError({ error, failure }) {
    this.#find(".run-error").hidden = !error;
    if (!error) return;
    this.#find(".error-text").textContent = error;
    this.#find(".error-more").textContent = [failure?.code, failure?.exception].filter(Boolean).join(" · ");
    this.#find(".error-trace").hidden = !failure?.traceback;
    this.#find(".error-trace pre").textContent = failure?.traceback ?? "";
  }

  #find(selector) {
    return this.root.querySelector(selector);
  }
}
