/** Starts the console. */
import { createApp } from 'vue'
import App from './App.vue'
import { vLive } from './plant/values'
import { followAddress, router } from './view'
import './style/tokens.css'
import './style/console.css'

const app = createApp(App).use(router).directive('live', vLive)
void router.isReady().then(async () => {
  await followAddress()
  app.mount('#app')
})
