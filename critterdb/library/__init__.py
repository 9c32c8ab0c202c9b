"""What `import critterdb` offers: sites, models and answers as Python objects."""
