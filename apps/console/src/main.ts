import './style/app.css'

import { mount } from 'svelte'

import App from './App.svelte'
import { router } from './state/route.svelte'
import { theme } from './state/theme.svelte'

theme.start()
router.start()
mount(App, { target: document.getElementById('app')! })
