import { WebSocket } from "ws"

const socket = new WebSocket("ws://localhost:5000/ws/metrics")

socket.addEventListener("open", () => {
  socket.send(JSON.stringify({ origin: "kitchen", metric_type: "humidity_percent", value: 47.25 }))
})

socket.addEventListener("message", ({ data }) => {
  console.log(data)
  socket.close()
})
