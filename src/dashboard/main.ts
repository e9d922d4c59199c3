import "uplot/dist/uPlot.min.css"
import "./style.css"
import { chess } from "./Chess.js"
import { element, setText } from "./element.js"
import { explore } from "./Explore.js"
import { Feed, type FeedState } from "./Feed.js"
import { overview } from "./Overview.js"
import type { Page, ShownPage } from "./Page.js"
import { pipeline } from "./Pipeline.js"
import { openSession, Refused, Unauthorized } from "./Server.js"

const pages: ReadonlyArray<Page> = [overview, explore, pipeline, chess]

const find = <A extends Element>(id: string, type: new() => A): A => {
  const found = document.getElementById(id)
  if (!(found instanceof type)) throw new Error(`the page has no #${id}`)
  return found
}

const connection = find("connection", HTMLParagraphElement)
const rate = find("rate", HTMLParagraphElement)
const banner = find("banner", HTMLParagraphElement)
const main = find("main", HTMLElement)
const navigation = find("navigation", HTMLElement)
const login = find("login", HTMLDialogElement)
const token = find("token", HTMLInputElement)
const problem = find("login-problem", HTMLParagraphElement)

const stateTexts: { readonly [state in FeedState]: string } = {
  connecting: "connecting",
  live: "live",
  lost: "connection lost",
  unauthorized: "token needed"
}

let lostAt: number | undefined

const feed = new Feed((state) => {
  connection.dataset["state"] = state
  setText(connection, stateTexts[state])
  lostAt = state === "lost" ? lostAt ?? Date.now() : undefined
  document.body.classList.toggle("stale", state === "lost")
  tellLoss()
  if (state === "unauthorized" && !login.open) login.showModal()
})

const tellLoss = (): void => {
  banner.hidden = lostAt === undefined
  if (lostAt === undefined) return
  const seconds = Math.round((Date.now() - lostAt) / 1000)
  setText(banner, `The server does not answer (for ${seconds} s). What you see is old; trying again.`)
}

const failed = (error: unknown): void => {
  if (error instanceof Unauthorized) feed.start()
  else if (error instanceof Refused) setText(find("problem", HTMLParagraphElement), error.message)
}

let shown: { readonly page: Page; readonly view: ShownPage } | undefined
let address = ""

const read = (): { readonly page: Page; readonly parameters: URLSearchParams } => {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?")
  return { page: pages.find((page) => page.path === path) ?? overview, parameters: new URLSearchParams(query) }
}

const show = (): void => {
  const { page, parameters } = read()
  address = location.hash
  shown?.view.leave()
  setText(find("problem", HTMLParagraphElement), "")
  const view = page.show({
    feed,
    parameters,
    failed,
    remember: (next, enter = false) => {
      const query = next.toString()
      address = `#/${page.path}${query === "" ? "" : `?${query}`}`
      if (enter) history.pushState(null, "", address)
      else history.replaceState(null, "", address)
    }
  })
  shown = { page, view }
  document.title = `${page.title} · metrics-collector`
  main.replaceChildren(view.root)
  for (const link of navigation.querySelectorAll("a")) {
    if (link.hash === `#/${page.path}`) link.setAttribute("aria-current", "page")
    else link.removeAttribute("aria-current")
  }
}

for (const { path, title } of pages) navigation.append(element("a", { href: `#/${path}` }, title))

window.addEventListener("popstate", () => {
  if (location.hash !== address) show()
})

feed.listen({
  arrived: (points) => shown?.view.arrived?.(points),
  opened: () => shown?.view.opened?.(),
  filled: () => shown?.view.tick(feed.now())
})

let counted = 0
window.setInterval(() => {
  const arrived = feed.arrived - counted
  counted = feed.arrived
  setText(rate, feed.state === "live" ? `${arrived} points/s` : "")
  tellLoss()
  // What is lost stays as it was: a clock that went on would pretend to know.
  if (document.hidden || feed.state === "lost") return
  shown?.view.tick(feed.now())
}, 1_000)

login.addEventListener("cancel", (event) => event.preventDefault())
login.querySelector("form")?.addEventListener("submit", (event) => {
  event.preventDefault()
  openSession(token.value).then(
    (accepted) => {
      token.value = ""
      setText(problem, accepted ? "" : "That is not the token of this server.")
      if (!accepted) return
      login.close()
      feed.start()
    },
    () => setText(problem, "The server does not answer.")
  )
})

show()
feed.start()
