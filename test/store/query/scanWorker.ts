/** The program of the thread that reads for queries, as `npm run build` leaves it. */
export const scanWorker = new URL("../../../dist/ScanWorker.js", import.meta.url)
